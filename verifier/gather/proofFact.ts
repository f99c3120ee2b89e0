import { reasonText } from '#verifier/evidence/reasonText.ts'
import type { Case } from '#verifier/judge/case.ts'
import type { Facts, ProofFact } from '#verifier/judge/facts.ts'
import { listedWorkers } from '#verifier/proof/listedWorkers.ts'
import type { ProofPorts } from '#verifier/proof/proofKind.ts'
import { replay } from '#verifier/proof/replay.ts'
import { verifyProof } from '#verifier/proof/verifyProof.ts'
import type { GatherPorts } from './ports.ts'

/** Checks what proves one answered request of a case, or runs its model again. */
export async function proofFact(
  { policy, calls, run }: Pick<Case, 'policy' | 'calls' | 'run'>,
  { request: number, by }: { request: number; by: ProofFact['by'] },
  { log, nowMs }: Pick<Facts, 'log' | 'nowMs'>,
  ports: GatherPorts,
): Promise<ProofFact> {
  const about = { request: number, by }
  const refused = (detail: string): ProofFact => ({ ...about, kind: by, ok: false, detail, assumptions: [] })
  const call = calls.find(({ response }) => response.body.number === number)
  const answer = call?.response.body.result
  if (call === undefined || answer?.status !== 'ok') return refused('there is no such answer')
  const { request, requestLeaf } = call
  const model = run.body.models.find(
    ({ digest, numeric }) => digest === request.body.model && numeric === request.body.numeric,
  )
  if (model === undefined) return refused('its model is not one of the run')
  const workers = listedWorkers(policy, run.body.keys.workers, nowMs)
  const subject = { request: request.body, requestLeaf, answer, model, workers }
  // Attestations must hold when the last of the policy's witnesses saw the log, whatever the clocks here and there say.
  const { cosigned } = log
  const atMs = cosigned.length === 0 ? null : 1_000 * Math.max(...cosigned.map(({ timeSeconds }) => timeSeconds))
  const port = ports.attestations
  const proofPorts: ProofPorts = {
    crypto: ports.crypto,
    engine: ports.engine,
    kernels: ports.kernels,
    modelFile: ports.modelFile,
    blob: ports.blob,
    randomWords: ports.randomWords,
    attestation: port === null ? null : { port, accepted: policy.attestations ?? [], atMs },
  }
  if (by === 'replay') {
    const again = await replay.verify(subject, proofPorts)
    const assumptions = [...replay.assumes]
    return { ...about, kind: replay.kind, ok: again.ok, detail: reasonText(again.detail), assumptions }
  }
  const { kind, ok, detail, assumptions } = await verifyProof(subject, proofPorts, () => 0)
  return { ...about, kind, ok, detail: reasonText(detail), assumptions: [...new Set(assumptions)].slice(0, 32) }
}
