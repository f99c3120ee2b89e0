import { SourceMap } from 'node:module'
import { relative, resolve } from 'node:path'

/** Finds where in a strategy's own files a place of its bundle comes from. */
export type SourcePlaces = {
  /** `file:line` relative to the working directory, or null. Line and column of the bundle count from 1. */
  at(line: number, column: number): string | null
}

/** From the bundle's source map; `dir` is what its names are relative to. */
export function sourcePlaces(map: string, dir: string): SourcePlaces {
  const parsed = new SourceMap(JSON.parse(map))
  return {
    at(line, column) {
      const entry = parsed.findEntry(line - 1, column - 1)
      if (!('originalSource' in entry) || entry.originalSource === undefined) return null
      return `${relative(process.cwd(), resolve(dir, entry.originalSource))}:${entry.originalLine + 1}`
    },
  }
}
