import { type Token, tokenize } from './tokenize.ts'

export type Language = 'solidity' | 'typescript'

/** A source with its tokens, and what the operators ask about them. */
export type Code = {
  readonly language: Language
  readonly source: string
  readonly tokens: readonly Token[]
  /** Index ranges of the bodies of functions: the braces that open and close them. */
  readonly bodies: readonly { from: number; to: number; header: number }[]
  /** Text from the start of token `from` to the end of token `to`. */
  text(from: number, to: number): string
  /** Whether white space, and so a new statement of TypeScript, may stand before a token. */
  startsLine(index: number): boolean
  inBody(index: number): boolean
}

/** @throws Error where a bracket has no partner */
export function parseCode(language: Language, source: string): Code {
  const tokens = tokenize(source)
  const bodies = language === 'solidity' ? solidityBodies(tokens) : []
  return {
    ...{ language, source, tokens, bodies },
    text: (from, to) => source.slice(tokens[from]?.start, tokens[to]?.end),
    startsLine: index => {
      const before = tokens[index - 1]
      return before === undefined || source.slice(before.end, tokens[index]?.start).includes('\n')
    },
    inBody: index => language === 'typescript' || bodies.some(({ from, to }) => from < index && index < to),
  }
}

function solidityBodies(tokens: readonly Token[]): { from: number; to: number; header: number }[] {
  return tokens.flatMap(({ text }, header) => {
    if (text !== 'function' && text !== 'constructor' && text !== 'modifier') return []
    const from = tokens.findIndex((token, i) => i > header && (token.text === '{' || token.text === ';'))
    return tokens[from]?.text === '{' ? [{ from, to: (tokens[from] as Token).close, header }] : []
  })
}

/** What goes on from the line before, in a source without semicolons. */
const CONTINUES = /^([.?:&|+*/=<>,)\]-].*|instanceof|in|as|satisfies)$/
const OPEN_ENDED = /^([.?:&|+*/=<>,([{!-].*|return|=>|await|new|typeof)$/

/** Whether the statement of TypeScript that `index - 1` stands in ends there. */
export function endsBefore(code: Code, index: number): boolean {
  const [before, token] = [code.tokens[index - 1], code.tokens[index]]
  if (token === undefined || before === undefined) return true
  if (!code.startsLine(index) || CONTINUES.test(token.text)) return false
  return !OPEN_ENDED.test(before.text) || isCaseLabel(code, index - 1)
}

/** Whether a colon ends `case x:` or `default:`. */
function isCaseLabel(code: Code, colon: number): boolean {
  let at = colon
  while (at > 0 && !code.startsLine(at)) at--
  return code.tokens[colon]?.text === ':' && /^(case|default)$/.test(code.tokens[at]?.text ?? '')
}

/** Skips bracketed text: the token after it, to the right. */
const after = (code: Code, index: number) => {
  const token = code.tokens[index] as Token
  return token.close > index ? token.close + 1 : index + 1
}

/** The last token of the expression that starts at `index`: up to a separator, at its depth, or one of `stops`. */
export function expressionEnd(code: Code, index: number, stops: RegExp): number {
  let at = index
  for (;;) {
    const token = code.tokens[at]
    if (token === undefined || /^[;,)\]}]$/.test(token.text) || stops.test(token.text)) return at - 1
    if (at > index && code.language === 'typescript' && endsBefore(code, at)) return at - 1
    at = after(code, at)
  }
}

/** The first token of the expression that ends at `index`. */
export function expressionStart(code: Code, index: number, stops: RegExp): number {
  let at = index
  for (;;) {
    const token = code.tokens[at]
    if (token === undefined || /^[;,([{]$/.test(token.text) || stops.test(token.text)) return at + 1
    if (at < index && code.language === 'typescript' && endsBefore(code, at + 1)) return at + 1
    at = (token.close >= 0 && token.close < at ? token.close : at) - 1
  }
}
