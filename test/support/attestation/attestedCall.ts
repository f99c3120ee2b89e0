import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import type { RecordOf } from '#verifier/evidence/record.ts'
import type { CaseCall } from '#verifier/judge/case.ts'
import { attestedKey } from '#verifier/proof/tee.ts'
import { type NitroCloud, nitroDocument } from './nitro.ts'

/** The same call, answered by a worker whose key this cloud attests. */
export function attestedCall(call: CaseCall, run: RecordOf<'run'>, cloud: NitroCloud): CaseCall {
  const copy = structuredClone(call)
  const { result } = copy.response.body
  if (result.status !== 'ok' || result.proof.kind === 'all') throw new Error('no single proof')
  const worker = run.body.keys.workers.find(({ id }) => id === result.receipt.statement.worker)
  const document = nitroDocument(cloud, attestedKey(worker?.publicKey ?? '', nodeCrypto))
  const tee = { kind: 'tee' as const, attestation: { inline: Buffer.from(document).toString('base64') } }
  result.proof = { kind: 'all', proofs: [result.proof, tee] }
  return copy
}
