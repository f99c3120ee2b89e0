/**
 * What may not reach a terminal or a page as it is: controls (C0, C1), format characters (bidirectional marks and
 * isolates, zero-width, tags), line and paragraph separators, lone surrogates, private and unassigned ones, what is
 * drawn as nothing, and every space but the plain one.
 */
const HIDDEN = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|(?! )\p{Zs}/gu

/** Characters of a text that are shown where nobody says how many. */
export const MOST_SHOWN = 300

const code = (char: string) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`

/** One line in which nothing hides: each hidden character stands as its number, such as `\u{1b}`. Of any length. */
export function showLine(text: string): string {
  return text.replace(HIDDEN, code)
}

/**
 * A text that somebody else wrote, as it may be shown: on one line, nothing hidden, at most `most` characters of it.
 *
 * @example showText('pay\n\u001b[2K') // 'pay\u{a}\u{1b}[2K'
 */
export function showText(text: string, most = MOST_SHOWN): string {
  // Cut before it is split: a text may be as long as whoever wrote it likes.
  const head = [...text.slice(0, 2 * most)].slice(0, most).join('')
  const left = text.length - head.length
  return left === 0 ? showLine(text) : `${showLine(head)}… (${left} characters more)`
}

/** JSON that says the same, and in which nothing hides: what JSON leaves raw stands as `\uXXXX`, lone halves too. */
export function showJson(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, (_key, item) => (typeof item === 'bigint' ? String(item) : item), indent)
  return text
    .split('\n')
    .map(line => line.replace(HIDDEN, units))
    .join('\n')
}

function units(char: string): string {
  let text = ''
  for (let i = 0; i < char.length; i++) text += `\\u${char.charCodeAt(i).toString(16).padStart(4, '0')}`
  return text
}
