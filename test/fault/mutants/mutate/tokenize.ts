/** A token of Solidity or TypeScript. `close` is the index of the bracket that ends what this one opens, and back. */
export type Token = {
  kind: 'word' | 'number' | 'string' | 'regex' | 'mark'
  text: string
  start: number
  end: number
  close: number
}

const MARKS = [
  ...['>>>=', '===', '!==', '**=', '<<=', '>>=', '>>>', '...', '&&=', '||=', '??='],
  ...['=>', '==', '!=', '<=', '>=', '&&', '||', '??', '?.', '++', '--', '+=', '-=', '*=', '/=', '%=', '|=', '&=', '^='],
  ...['**', '<<', '>>'],
]
const CLOSERS: Record<string, string> = { '(': ')', '[': ']', '{': '}' }
const NUMBER = /0x[0-9a-fA-F_]+n?|\d[\d_]*(\.\d+)?(e\d+)?n?/y
const WORD = /[A-Za-z_$#][\w$]*/y
/** After these a slash starts a regular expression, not a division. */
const BEFORE_REGEX = /^([([{,;:=!&|?+<>]|=>|&&|\|\||\?\?|===|!==|return|typeof|case)$/

/**
 * The tokens of a source, comments left out. A template literal is one string, with all that stands in it.
 *
 * @throws Error where a bracket has no partner
 */
export function tokenize(source: string): Token[] {
  const tokens: Token[] = []
  const open: number[] = []
  let at = 0
  const push = (kind: Token['kind'], end: number) => {
    tokens.push({ kind, text: source.slice(at, end), start: at, end, close: -1 })
    at = end
  }
  while (at < source.length) {
    const char = source[at] as string
    if (/\s/.test(char)) at++
    else if (source.startsWith('//', at)) at = lineEnd(source, at)
    else if (source.startsWith('/*', at)) at = source.indexOf('*/', at) + 2
    else if (char === '"' || char === "'") push('string', quotedEnd(source, at))
    else if (char === '`') push('string', templateEnd(source, at))
    else if (char === '/' && (tokens.length === 0 || BEFORE_REGEX.test(tokens.at(-1)?.text ?? '')))
      push('regex', regexEnd(source, at))
    else {
      const number = match(NUMBER, source, at)
      const word = match(WORD, source, at)
      if (number !== null) push('number', at + number.length)
      else if (word !== null) push('word', at + word.length)
      else {
        const mark = MARKS.find(text => source.startsWith(text, at)) ?? char
        push('mark', at + mark.length)
        if (mark in CLOSERS) open.push(tokens.length - 1)
        else if (mark === ')' || mark === ']' || mark === '}') pair(tokens, open.pop())
      }
    }
  }
  if (open.length > 0) throw new Error(`a bracket at ${tokens[open[0] as number]?.start} is never closed`)
  return tokens
}

function pair(tokens: Token[], opener: number | undefined): void {
  const [from, to] = [tokens[opener ?? -1], tokens.at(-1) as Token]
  if (from === undefined || CLOSERS[from.text] !== to.text) throw new Error(`a bracket at ${to.start} closes nothing`)
  from.close = tokens.length - 1
  to.close = opener as number
}

function match(pattern: RegExp, source: string, at: number): string | null {
  pattern.lastIndex = at
  return pattern.exec(source)?.[0] ?? null
}

function lineEnd(source: string, at: number): number {
  const end = source.indexOf('\n', at)
  return end < 0 ? source.length : end
}

function quotedEnd(source: string, at: number): number {
  let end = at + 1
  while (source[end] !== source[at]) end += source[end] === '\\' ? 2 : 1
  return end + 1
}

function regexEnd(source: string, at: number): number {
  let inClass = false
  let end = at + 1
  for (; inClass || source[end] !== '/'; end++) {
    if (source[end] === '\\') end++
    else if (source[end] === '[') inClass = true
    else if (source[end] === ']') inClass = false
  }
  return end + 1 + (match(/[a-z]*/y, source, end + 1)?.length ?? 0)
}

function templateEnd(source: string, at: number): number {
  let end = at + 1
  while (source[end] !== '`') {
    if (source[end] === '\\') end += 2
    else if (source.startsWith('${', end)) end = interpolationEnd(source, end + 2)
    else end++
  }
  return end + 1
}

function interpolationEnd(source: string, at: number): number {
  let depth = 1
  let end = at
  while (depth > 0) {
    const char = source[end]
    if (char === '`') end = templateEnd(source, end)
    else if (char === '"' || char === "'") end = quotedEnd(source, end)
    else {
      if (char === '{') depth++
      else if (char === '}') depth--
      end++
    }
  }
  return end
}
