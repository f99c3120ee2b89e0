import type { RecordOf } from '#verifier/evidence/record.ts'
import { kindsIn, proofName } from '#verifier/evidence/records/proof.ts'
import { policy as policySchema } from '#verifier/policy/policy.ts'
import type { ProofPorts } from '#verifier/proof/proofKind.ts'
import { verifyProof } from '#verifier/proof/verifyProof.ts'

/**
 * How the proofs of one kind fared. `unchecked`: a kind whose check is to run the model again, which a replay does not; an
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
}

/** Checks proofs that cost little beside the model, with coins of its own. */
export function createProofReplay(ports: ProofPorts): ProofReplay {
  const counts: Record<string, ProofCount> = {}
  const refused = new Map<string, string>()
  return {
    counts,
    refused,
    async check(leafHash, { body }, request, run) {
      if (body.result.status !== 'ok') return
      const kind = proofName(body.result.proof)
      counts[kind] ??= { held: 0, refused: 0, unchecked: 0 }
      const count = counts[kind] as ProofCount
      // At the time that the worker states: a witness's is the verifier's, whose verdict is on record.
      const { attestation } = ports
      const accepted = policySchema.safeParse(run.body.policy.document).data?.attestations ?? []
      const isAttested = kindsIn(kind).some(one => one === 'tee' || one === 'opengradient')
      if (kind === 'replay' || (isAttested && (attestation === null || accepted.length === 0))) {
        count.unchecked++
        return
      }
      const { model: digest, numeric } = request.body
      const model = run.body.models.find(candidate => candidate.digest === digest && candidate.numeric === numeric)
      const report =
        model === undefined
          ? { ok: false, detail: 'its model is not one of the run' }
          : await verifyProof(
              {
                request: request.body,
                requestLeaf: body.request,
                answer: body.result,
                model,
                workers: run.body.keys.workers,
              },
              { ...ports, attestation: attestation === null ? null : { ...attestation, accepted } },
              () => 0,
            )
      if (report.ok) count.held++
      else {
        count.refused++
        refused.set(leafHash, `request ${body.number}, proof ${kind}: ${report.detail}`)
      }
    },
  }
}
