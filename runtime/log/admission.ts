import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { createRecordChecker } from '#verifier/audit/recordChecker.ts'
import { checkPlace } from '#verifier/audit/rules/verdict.ts'
import { fromUtf8, toHex } from '#verifier/evidence/bytes.ts'
import { reasonOf } from '#verifier/evidence/error.ts'
import { type AnyRecord, encodeRecord } from '#verifier/evidence/record.ts'
import { hashLeaf } from '#verifier/log/merkle.ts'

/** Holds what others made against the log, with the checks that its readers use, before the log takes it. */
export type Admission = {
  /** What is wrong with a record, were it appended now; empty when it is sound. Its number is the log's own, and not looked at. */
  faultsOf(candidate: AnyRecord): Promise<string[]>
  /** A run of before goes on: what it holds is read, too. */
  lookBack(): void
}

/** Where the records of a run stand that is not closed. */
type Run = {
  record: number
  nextSeq: number
  /** By leaf hash. */
  places: Map<string, number>
  /** The request of each answer that no decision has named yet. */
  requestOf: Map<string, string>
  /** Verdicts, approvals and outcomes by the proposal that they are about. */
  about: Map<string, number[]>
}

/** Over the log's entries: `start` of them stood there before it was opened. */
export function createAdmission({
  start,
  size,
  entries,
}: {
  start: number
  size(): number
  entries(from: number, to: number): Promise<Uint8Array[]>
}): Admission {
  const runs = new Map<string, Run>()
  /** Verdicts of each signer, in order. */
  const verdicts = new Map<string, { index: number; leaf: string }[]>()
  let next = start
  let isWhole = start === 0
  let reading: Promise<void> = Promise.resolve()

  function note(entry: Uint8Array, index: number): void {
    const { kind, runId, seq, body } = JSON.parse(fromUtf8(entry)) as AnyRecord
    if (kind === 'run')
      runs.set(runId, { record: index, nextSeq: 0, places: new Map(), requestOf: new Map(), about: new Map() })
    const run = runs.get(runId)
    if (run === undefined) return
    if (kind === 'close') return void runs.delete(runId)
    run.nextSeq = seq + 1
    const leaf = toHex(hashLeaf(nodeCrypto, entry))
    run.places.set(leaf, index)
    if (kind === 'verdict') verdicts.set(body.signer, [...(verdicts.get(body.signer) ?? []), { index, leaf }])
    if (kind === 'verdict' || kind === 'approval' || kind === 'outcome')
      run.about.set(body.proposal, [...(run.about.get(body.proposal) ?? []), index])
    if (kind === 'response') run.requestOf.set(leaf, body.request)
    if (kind === 'decision') for (const { answer } of body.doors) run.requestOf.delete(answer)
  }

  async function catchUp(): Promise<void> {
    while (next < size()) {
      const to = Math.min(next + 4_096, size())
      for (const entry of await entries(next, to)) note(entry, next++)
    }
  }

  function lookBack(): void {
    if (isWhole) return
    runs.clear()
    verdicts.clear()
    isWhole = true
    next = 0
  }

  return {
    lookBack,
    async faultsOf(candidate) {
      try {
        encodeRecord(candidate)
      } catch (error) {
        return [reasonOf(error)]
      }
      // A verdict names its signer's last one, which may stand in a run of before.
      if (candidate.kind === 'verdict') lookBack()
      reading = reading.catch(() => {}).then(catchUp)
      await reading
      const run = runs.get(candidate.runId)
      // Nothing says whose signatures count: such a log does not verify, whatever comes.
      if (run === undefined) return []
      const { places, requestOf, about } = run
      const named = namedBy(candidate).flatMap(leaf => [leaf, requestOf.get(leaf) ?? []].flat())
      const wanted = [run.record, ...named.flatMap(leaf => [...(about.get(leaf) ?? []), places.get(leaf) ?? []].flat())]
      const astray = candidate.parents.filter(leaf => !places.has(leaf))
      if (astray.length > 0) return astray.map(leaf => `parents: ${leaf} is not an earlier entry of this run`)
      const checker = createRecordChecker(nodeCrypto, { scope: 'excerpt' })
      for (const index of [...new Set(wanted)].sort((a, b) => a - b)) {
        const [entry] = await entries(index, index + 1)
        if (entry !== undefined) await checker.check(entry, index, hashLeaf(nodeCrypto, entry))
      }
      // What is wrong with those is theirs.
      await checker.settle()
      const entry = encodeRecord({ ...candidate, seq: run.nextSeq })
      const found = await checker.check(entry, size(), hashLeaf(nodeCrypto, entry))
      const faults = [...found, ...(await checker.settle())].map(({ where, reason }) => `${fieldOf(where)}: ${reason}`)
      if (candidate.kind === 'verdict') {
        const { signer, proposal } = candidate.body
        const place = { index: size(), before: verdicts.get(signer) ?? [], proposal: places.get(proposal) ?? null }
        checkPlace(candidate.body, place, (_rule, field, reason) => void faults.push(`${field}: ${reason}`))
      }
      return faults
    },
  }
}

/** Leaf hashes of the entries that a record is held against. */
function namedBy({ kind, body, parents }: AnyRecord): string[] {
  switch (kind) {
    case 'response':
      return [...parents, body.request]
    case 'approval':
    case 'verdict':
      return [...parents, body.proposal]
    case 'outcome':
      return [...parents, body.proposal, body.submission]
    case 'submission':
      return [...parents, body.proposal, ...body.verdicts, ...(body.replaces === undefined ? [] : [body.replaces])]
    case 'proposal':
    case 'fill':
      return [...parents, body.decision]
    case 'decision':
      return [
        ...parents,
        ...body.doors.map(({ answer }) => answer),
        ...(body.observation === null ? [] : [body.observation]),
      ]
    default:
      return parents
  }
}

/** `entry 7 (verdict) body.signature` → `body.signature`. */
const fieldOf = (where: string) => where.replace(/^entry \d+ (\(\w+\) )?/, '') || where
