import { SourceMap } from 'node:module'
import { relative, resolve } from 'node:path'

/** Finds where in a strategy's files a place of its bundle comes from. Line and column of the bundle count from 1. */
export type SourcePlaces = {
  /** `file:line` relative to the working directory, or null. */
  at(line: number, column: number): string | null
  /** `file:line` relative to the strategy's folder, or null for what is not the strategy's own: the same on every machine. */
  own(line: number, column: number): string | null
}

/** From the bundle's source map; `dir` is the strategy's folder, which its names are relative to. */
export function sourcePlaces(map: string, dir: string): SourcePlaces {
  const parsed = new SourceMap(JSON.parse(map))
  function entryAt(line: number, column: number): { source: string; line: number } | null {
    const entry = parsed.findEntry(line - 1, column - 1)
    if (!('originalSource' in entry) || entry.originalSource === undefined) return null
    return { source: entry.originalSource, line: entry.originalLine + 1 }
  }
  return {
    at(line, column) {
      const entry = entryAt(line, column)
      return entry === null ? null : `${relative(process.cwd(), resolve(dir, entry.source))}:${entry.line}`
    },
    own(line, column) {
      const entry = entryAt(line, column)
      return entry === null || entry.source.startsWith('..') || entry.source.includes('<stdin>')
        ? null
        : `${entry.source}:${entry.line}`
    },
  }
}
