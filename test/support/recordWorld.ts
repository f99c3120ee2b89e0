import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import type { Fail, Known, RuleContext, Scope } from '#verifier/audit/rules/ruleContext.ts'
import { newRunState, type RunState } from '#verifier/audit/rules/runState.ts'
import type { BlobRef } from '#verifier/evidence/primitives.ts'
import type { AnyRecord, RecordKind, RecordOf } from '#verifier/evidence/record.ts'
import type { Finding } from '#verifier/log/verifyTree.ts'

const RUN = 'the run'

/** One run, and the records that a rule holds another one against: only the fields that it looks at. */
export type RecordWorld = {
  state: RunState
  known: Known
  scope: Scope
  /** Rule, field and reason of each finding. */
  said: string[]
  /** What records named beside themselves. */
  named: [BlobRef, string][]
  record<K extends RecordKind>(kind: K, body: object): RecordOf<K>
  /** An earlier record, by its leaf hash; of another run where one is named. */
  put(leaf: string, kind: RecordKind, body: object, runId?: string): void
  context(leafHash: string): RuleContext
}

/** @param run fields of the run record that differ from those of a run with a strategy, a model and a chain */
export function recordWorld(run: object = {}): RecordWorld {
  const record = <K extends RecordKind>(kind: K, body: object, runId = RUN) =>
    ({ v: 2, kind, runId, seq: 0, atMs: 0, parents: [], body }) as object as RecordOf<K>
  const body = {
    ...{ mode: 'devnet', agent: 'agent', strategy: { digest: 'strategy', paramsDigest: 'params' } },
    ...{ models: [{ digest: 'm', numeric: 'n' }], market: null, chain: {}, policy: { digest: 'policy' } },
    ...{ keys: { agent: '', workers: [], verifiers: [], executor: null } },
    ...run,
  }
  const records = new Map<string, AnyRecord>()
  const said: string[] = []
  const named: [BlobRef, string][] = []
  const known: Known = {
    find: (leaf, kind) => {
      const found = records.get(leaf)
      return found?.kind === kind ? (found as never) : null
    },
    indexOf: leaf => (records.has(leaf) ? [...records.keys()].indexOf(leaf) : null),
    ...{ lastRun: null, logKeys: [], verdictsOf: new Map(), once: new Set(), proposals: new Map() },
    ...{ byDigest: new Map(), byNonce: new Map(), approvals: [] },
    ...{ byModule: new Map(), verdictsOn: new Map(), outcomesOf: new Map() },
  }
  const later: Promise<Finding[]>[] = []
  const fail: Fail = (rule, field, reason) => void said.push(`${rule} ${field} ${reason}`)
  const world: RecordWorld = {
    ...{ state: newRunState(record('run', body)), known, scope: 'log', said, named, record },
    put: (leaf, kind, of, runId) => void records.set(leaf, record(kind, of, runId) as AnyRecord),
    context: leafHash => ({
      ...{ scope: world.scope, crypto: nodeCrypto, state: world.state, known, fail },
      ...{ index: records.size, leafHash, where: `entry ${records.size}` },
      later: promise => void later.push(promise),
      names: (ref, field) => void named.push([ref, field]),
    }),
  }
  return world
}
