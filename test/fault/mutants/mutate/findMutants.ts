import { type Language, parseCode } from './code.ts'
import { EXPRESSION_OPERATORS } from './expressions.ts'
import type { Operator } from './operator.ts'
import { STATEMENT_OPERATORS } from './statements.ts'

/** Every kind of change, in the order in which it is printed. */
export const OPERATORS: readonly Operator[] = [...STATEMENT_OPERATORS, ...EXPRESSION_OPERATORS]

/** One small change of one source. `id` names it for people: file, line and column, operator, before and after. */
export type Mutant = {
  id: string
  file: string
  operator: string
  line: number
  start: number
  end: number
  text: string
}

/** What no program does: it holds names, not behaviour. */
const OUTSIDE = /^(pragma|import|using)\b[^;\n]*(?:\{[^}]*\})?[^;\n]*;?$/gm

/** Every change that the operators offer in a source, in its order; the same place and text once. */
export function findMutants(file: string, source: string): Mutant[] {
  const language: Language = file.endsWith('.sol') ? 'solidity' : 'typescript'
  const code = parseCode(language, source)
  const outside = [...source.matchAll(OUTSIDE)].map(({ index, 0: text }) => ({ from: index, to: index + text.length }))
  const seen = new Set<string>()
  return OPERATORS.filter(({ languages }) => languages.includes(language))
    .flatMap(operator => operator.edits(code).map(edit => ({ operator: operator.name, ...edit })))
    .filter(({ start, end, text }) => {
      const key = `${start} ${end} ${text}`
      if (seen.has(key) || outside.some(({ from, to }) => from <= start && end <= to)) return false
      seen.add(key)
      return source.slice(start, end) !== text
    })
    .sort((a, b) => a.start - b.start || a.end - b.end)
    .map(edit => ({ ...describe(file, source, edit), ...edit, file }))
}

function describe(
  file: string,
  source: string,
  { operator, start, end, text }: { operator: string; start: number; end: number; text: string },
) {
  const before = source.slice(0, start)
  const line = before.split('\n').length
  const column = start - before.lastIndexOf('\n')
  const shown = (part: string) => part.replaceAll(/\s+/g, ' ').slice(0, 80) || 'nothing'
  return { line, id: `${file}:${line}:${column} ${operator}: ${shown(source.slice(start, end))} → ${shown(text)}` }
}

/** The source with a mutant's change. */
export function applyMutant(source: string, { start, end, text }: Pick<Mutant, 'start' | 'end' | 'text'>): string {
  return source.slice(0, start) + text + source.slice(end)
}
