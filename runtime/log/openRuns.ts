import { parseCanonical } from '#verifier/evidence/canonical.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { RunLog } from '#verifier/evidence/ports/log.ts'
import { ACTOR_OF, type Actor, type AnyRecord } from '#verifier/evidence/record.ts'
import type { Log } from './openLog.ts'
import type { Producers, RemoteActor } from './serveLog.ts'

const ACTORS = new Set<string>(Object.values(ACTOR_OF).flat())

/**
 * Producers by actor and key, over every run of a log that is not closed: runs that a crash interrupted go on where
 * their last durable record left them.
 *
 * @throws BAD_INPUT for an unknown actor
 */
export async function openRuns(log: Log, keys: ReadonlyMap<string, string>): Promise<Producers> {
  for (const actor of keys.keys())
    if (!ACTORS.has(actor))
      throw new WarrantError('BAD_INPUT', `${actor} is no actor: expected one of ${[...ACTORS].join(', ')}`)
  const runs = new Map<string, RunLog>()
  const byKey = new Map<string, string>()
  const handles = new Map<string, RemoteActor>()

  const next = new Map<string, number>()
  for (let from = 0; from < log.size; from += 4_096) {
    for (const entry of await log.entries(from, from + 4_096)) {
      const { runId, seq, kind } = parseCanonical(entry) as unknown as AnyRecord
      if (kind === 'close') next.delete(runId)
      else if (kind !== 'handover') next.set(runId, seq + 1)
    }
  }
  for (const [runId, seq] of next) runs.set(runId, log.resumeRun(runId, seq))

  return {
    runtimeKey: keys.get('runtime') ?? null,
    startRun(key) {
      const known = byKey.get(key)
      if (known !== undefined) return known
      const run = log.startRun()
      runs.set(run.runId, run)
      byKey.set(key, run.runId)
      return run.runId
    },
    find(runId, actor) {
      const publicKey = keys.get(actor)
      const run = runs.get(runId)
      if (publicKey === undefined || run === undefined) return null
      const name = `${runId}/${actor}`
      let handle = handles.get(name)
      if (handle === undefined) {
        handle = { appender: run.appender(actor as Actor), publicKey }
        handles.set(name, handle)
      }
      return handle
    },
  }
}
