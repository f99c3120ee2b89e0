import { Script } from 'node:vm'
import { WarrantError } from '#verifier/evidence/error.ts'

/** What SES refuses wherever it stands, and the same where it is text: in a string or a regular expression. */
const REFUSED: readonly { pattern: RegExp; escaped(match: string): string; what: string }[] = [
  {
    pattern: /(?<!(?<!\.\.)\.)\bimport(?=\s*(?:\(|\/[/*]))/g,
    escaped: () => 'i\\x6dport',
    what: 'an import expression: a strategy loads no code while it runs, and names no method import',
  },
  {
    pattern: /(?<!\.)\beval(?=\s*\()/g,
    escaped: () => 'e\\x76al',
    what: 'a call of eval: a strategy evaluates no text, and names no method eval',
  },
  {
    pattern: /<!--|-->/g,
    escaped: match => (match === '-->' ? '--\\x3e' : '<!-\\x2d'),
    what: 'an HTML comment: put a space within it',
  },
]

/**
 * A script whose texts hold nothing that SES would take for code. Outside of texts `\x` is no JavaScript, so what compiles
 * escaped was text, and what does not was code.
 *
 * @param where file and line of an offset, for people
 * @throws STRATEGY_INVALID naming the place of what is code
 */
export function escapeText(code: string, where: (offset: number) => string): string {
  const found = REFUSED.flatMap(({ pattern, escaped, what }) =>
    [...code.matchAll(pattern)].map(({ 0: match, index }) => ({ match, index, text: escaped(match), what })),
  ).sort((a, b) => a.index - b.index)
  if (found.length === 0) return code
  const all = replaced(code, found)
  if (compiles(all)) return all
  for (const one of found)
    if (!compiles(replaced(code, [one])))
      throw new WarrantError('STRATEGY_INVALID', `${where(one.index)}: looks like ${one.what}`)
  throw new WarrantError('STRATEGY_INVALID', `${where(0)}: does not compile`)
}

function replaced(code: string, places: readonly { match: string; index: number; text: string }[]): string {
  let [from, out] = [0, '']
  for (const { match, index, text } of places) {
    out += code.slice(from, index) + text
    from = index + match.length
  }
  return out + code.slice(from)
}

function compiles(code: string): boolean {
  try {
    new Script(code)
    return true
  } catch {
    return false
  }
}
