import type { AcceptedPlatform } from '#verifier/evidence/ports/attestation.ts'
import type { RecordOf } from '#verifier/evidence/record.ts'
import { kindsIn, proofName } from '#verifier/evidence/records/proof.ts'
import { policy as policySchema } from '#verifier/policy/policy.ts'
import type { ProofPorts, ProofSubject } from '#verifier/proof/proofKind.ts'
import { replay, replayMany } from '#verifier/proof/replay.ts'
import { verifyProof } from '#verifier/proof/verifyProof.ts'

/**
 * How the proofs of one kind fared. `unchecked`: a kind whose check is to run the model again, where there is no engine; an
 * attestation where the run's policy names no platform.
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
  const platforms = new WeakMap<RecordOf<'run'>, readonly AcceptedPlatform[]>()
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

  /** Platforms that a run's policy names; a policy is read once. */
  function acceptedIn(run: RecordOf<'run'>): readonly AcceptedPlatform[] {
    const known = platforms.get(run) ?? policySchema.safeParse(run.body.policy.document).data?.attestations ?? []
    platforms.set(run, known)
    return known
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
    async check(leafHash, { body }, request, run) {
      if (body.result.status !== 'ok') return
      const kind = proofName(body.result.proof)
      // At the time that the worker states: a witness's is the verifier's, whose verdict is on record.
      const { attestation, engine } = ports
      const isAttested = kindsIn(kind).some(one => one === 'tee' || one === 'opengradient')
      const accepted = isAttested ? acceptedIn(run) : []
      if (
        (kind === replay.kind && engine === null) ||
        (isAttested && (attestation === null || accepted.length === 0))
      ) {
        countOf(kind).unchecked++
        return
      }
      const { model: digest, numeric } = request.body
      const model = run.body.models.find(candidate => candidate.digest === digest && candidate.numeric === numeric)
      if (model === undefined)
        return take(leafHash, body.number, kind, { ok: false, detail: 'its model is not one of the run' })
      const { workers } = run.body.keys
      const subject = { request: request.body, requestLeaf: body.request, answer: body.result, model, workers }
      if (kind === replay.kind) {
        waiting.push({ leafHash, number: body.number, subject })
        if (waiting.length === AT_ONCE) await settle()
        return
      }
      const trusted = { ...ports, attestation: attestation === null ? null : { ...attestation, accepted } }
      take(leafHash, body.number, kind, await verifyProof(subject, trusted, () => 0))
    },
  }
}
