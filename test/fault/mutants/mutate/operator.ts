import type { Code, Language } from './code.ts'

/** A change of one place: what stands from `start` up to `end` becomes `text`. */
export type Edit = { start: number; end: number; text: string }

/** A kind of small change, and where a source offers it. */
export type Operator = { name: string; says: string; languages: readonly Language[]; edits(code: Code): Edit[] }

export const BOTH: readonly Language[] = ['solidity', 'typescript']
export const SOLIDITY: readonly Language[] = ['solidity']
export const TYPESCRIPT: readonly Language[] = ['typescript']

/** The edit of tokens `from` to `to`, both included. */
export function over({ tokens }: Code, from: number, to: number, text: string): Edit {
  return { start: tokens[from]?.start ?? 0, end: tokens[to]?.end ?? 0, text }
}

/** An operator that gives tokens other texts, one at a time. `where` looks at a token's surroundings. */
export function replaceTokens(
  { name, says, languages }: Omit<Operator, 'edits'>,
  pairs: Readonly<Record<string, readonly string[]>>,
  where: (code: Code, index: number) => boolean = () => true,
): Operator {
  return {
    ...{ name, says, languages },
    edits: code =>
      code.tokens.flatMap(({ text, kind }, i) =>
        (kind === 'mark' || kind === 'word') && Object.hasOwn(pairs, text) && where(code, i)
          ? (pairs[text] as string[]).map(to => over(code, i, i, to))
          : [],
      ),
  }
}

/** Whether a mark stands between spaces: so a binary operator, in a formatted source. */
export function isSpaced({ source, tokens }: Code, index: number): boolean {
  const token = tokens[index]
  return token !== undefined && /\s/.test(source[token.start - 1] ?? '') && /\s/.test(source[token.end] ?? '')
}
