import { existsSync } from 'node:fs'
import { exportBundle } from '#runtime/log/exportBundle.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { exportWarrant } from './exportWarrant.ts'
import { openLogPlace } from './reading/logPlace.ts'
import { type Reading, type ReadOptions, readPlace } from './reading/readLog.ts'
import type { FilterOptions } from './reading/recordFilter.ts'

export type ExportLogOptions = ReadOptions &
  FilterOptions & { out: string; from?: string; to?: string; decision?: string; payloads?: boolean }

/** What was written, and the log that it was taken from; `done`: null where that does not verify, and nothing was. */
export type Exported = { reading: Reading; done: object | null }

/** Exports a log, a range of it, or decisions. @throws BAD_INPUT, FILE_MISSING, EVIDENCE_MISSING, UNREACHABLE */
export async function exportLog(where: string, options: ExportLogOptions): Promise<Exported> {
  const { out, from, to, decision, payloads, since, until, run, agent, kind, answer, value, text } = options
  if (existsSync(out)) throw new WarrantError('BAD_INPUT', `${out} exists: give another name`)
  const filters = { since, until, run, agent, kind, answer, value, text }
  const isFiltered = Object.values(filters).some(option => option !== undefined)
  if (decision !== undefined || isFiltered) {
    if (from !== undefined || to !== undefined)
      throw new WarrantError('BAD_INPUT', '--decision and filters export decisions: --from and --to are for ranges')
    return exportWarrant(where, {
      out,
      decision: decision ?? null,
      filters,
      payloads: payloads !== false,
      read: options,
    })
  }
  const index = (name: string, given: string) => {
    if (!/^\d{1,15}$/.test(given))
      throw new WarrantError('BAD_INPUT', `--${name} must be an entry's index, got ${given}`)
    return Number(given)
  }
  const range = {
    from: from === undefined ? 0 : index('from', from),
    to: to === undefined ? null : index('to', to),
  }
  const place = await openLogPlace(where)
  try {
    if (place.kind === 'warrant' || place.range !== null)
      throw new WarrantError(
        'BAD_INPUT',
        `${where}: holds a part of a log: a bundle is made of the whole log; --decision takes a decision out of it`,
      )
    // An anchor speaks of all entries: then they are read, else a bundle is copied as it lies there, and proves itself.
    const depth = options.requireAnchor === undefined ? 'checkpoint' : 'tree'
    const reading = await readPlace(place, options, undefined, depth)
    if (!reading.ok || reading.trusted === null) return { reading, done: null }
    return { reading, done: await exportBundle({ files: place.files, key: reading.trusted.key, ...range, out }) }
  } finally {
    place.close()
  }
}
