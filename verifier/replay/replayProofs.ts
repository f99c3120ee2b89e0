import type { AcceptedPlatform } from '#verifier/evidence/ports/attestation.ts'
import type { RecordOf } from '#verifier/evidence/record.ts'
import { kindsIn, proofName, proofsOf } from '#verifier/evidence/records/proof.ts'
import { type Policy, policy as policySchema } from '#verifier/policy/policy.ts'
import { listedWorkers } from '#verifier/proof/listedWorkers.ts'
import type { ProofPorts, ProofSubject } from '#verifier/proof/proofKind.ts'
import { replay, replayMany } from '#verifier/proof/replay.ts'
import { verifyProof } from '#verifier/proof/verifyProof.ts'

/**
 * How the proofs of one kind fared. `unchecked`: what could be checked holds, but something could not: there is no engine to
 * run a model again, or no policy of a treasury that says which attestations count.
 */
export type ProofCount = { held: number; refused: number; unchecked: number }

/** Proofs of a log's answers, checked from its files. */
export type ProofReplay = {
  readonly counts: Readonly<Record<string, ProofCount>>
  /** Answers whose proof does not hold, by leaf hash, and why. */
  readonly refused: ReadonlyMap<string, string>
  check(
    leafHash: string,
    response: RecordOf<'response'>,
    request: RecordOf<'request'>,
    run: RecordOf<'run'>,
  ): Promise<void>
  /** Checks what waits. */
  settle(): Promise<void>
}

/** Answers of which the models run again together. */
const AT_ONCE = 256

/**
 * Checks proofs with coins of its own. With an engine, answers whose proof is to run the model again wait until many of
 * them can run together: `settle` brings all of them to their end.
 */
export function createProofReplay(ports: ProofPorts): ProofReplay {
  const counts: Record<string, ProofCount> = {}
  const refused = new Map<string, string>()
  const platforms = new WeakMap<RecordOf<'run'>, readonly AcceptedPlatform[] | null>()
  const policies = new WeakMap<RecordOf<'run'>, Policy | null>()
  let waiting: { leafHash: string; number: number; subject: ProofSubject }[] = []
  const countOf = (kind: string) => {
    counts[kind] ??= { held: 0, refused: 0, unchecked: 0 }
    return counts[kind] as ProofCount
  }

  function take(leafHash: string, number: number, kind: string, report: { ok: boolean; detail: string }): void {
    if (report.ok) countOf(kind).held++
    else {
      countOf(kind).refused++
      refused.set(leafHash, `request ${number}, proof ${kind}: ${report.detail}`)
    }
  }

  /** Platforms that a run's policy accepts, read once; null: the run has no policy of a treasury. */
  function acceptedIn(run: RecordOf<'run'>): readonly AcceptedPlatform[] | null {
    const known = platforms.get(run)
    if (known !== undefined) return known
    const held = policyOf(run)
    const accepted = held === null ? null : (held.attestations ?? [])
    platforms.set(run, accepted)
    return accepted
  }

  /** A run's policy of a treasury, read once; null: it has none. */
  function policyOf(run: RecordOf<'run'>): Policy | null {
    const known = policies.get(run)
    if (known !== undefined) return known
    const held = policySchema.safeParse(run.body.policy.document).data ?? null
    policies.set(run, held)
    return held
  }

  async function settle(): Promise<void> {
    const taken = waiting
    waiting = []
    const reports = await replayMany(
      taken.map(({ subject }) => subject),
      ports,
    )
    for (const [i, { leafHash, number }] of taken.entries())
      take(leafHash, number, replay.kind, reports[i] as (typeof reports)[number])
  }

  return {
    counts,
    refused,
    settle,
    async check(leafHash, { body, atMs }, request, run) {
      if (body.result.status !== 'ok') return
      const { proof } = body.result
      const kind = proofName(proof)
      // At the time that the worker states: a witness's is the verifier's, whose verdict is on record.
      const { attestation, engine } = ports
      const isAttested = (one: string) => one === 'tee' || one === 'opengradient'
      const accepted = kindsIn(kind).some(isAttested) ? acceptedIn(run) : null
      const proofs = proofsOf(proof).filter(one =>
        isAttested(one.kind) ? attestation !== null && accepted !== null : one.kind !== replay.kind || engine !== null,
      )
      // What can be checked is, whatever stands beside it.
      const isWhole = proofs.length === proofsOf(proof).length
      if (proofs.length === 0) return void countOf(kind).unchecked++
      const { model: digest, numeric } = request.body
      const model = run.body.models.find(candidate => candidate.digest === digest && candidate.numeric === numeric)
      if (model === undefined)
        return take(leafHash, body.number, kind, { ok: false, detail: 'its model is not one of the run' })
      const treasury = policyOf(run)
      const workers =
        treasury !== null && kindsIn(kind).some(one => one === 'quorum' || one === 'refereed')
          ? listedWorkers(treasury, run.body.keys.workers, atMs)
          : run.body.keys.workers
      const answer = { ...body.result, proof: isWhole ? proof : { kind: 'all' as const, proofs } }
      const subject = { request: request.body, requestLeaf: body.request, answer, model, workers }
      if (kind === replay.kind) {
        waiting.push({ leafHash, number: body.number, subject })
        if (waiting.length === AT_ONCE) await settle()
        return
      }
      const trusted = {
        ...ports,
        attestation: attestation === null ? null : { ...attestation, accepted: accepted ?? [] },
      }
      const report = await verifyProof(subject, trusted, () => 0)
      if (report.ok && !isWhole) countOf(kind).unchecked++
      else take(leafHash, body.number, kind, report)
    },
  }
}
