// What a page does that checks a model's answer by itself: no server, no Node. Bundled and run in Chromium by the test.

import { fromBase64, toBase64 } from '#verifier/evidence/bytes.ts'
import { pureCrypto } from '#verifier/evidence/crypto.ts'
import type { Request } from '#verifier/evidence/records/request.ts'
import { response } from '#verifier/evidence/records/response.ts'
import type { ModelIdentity } from '#verifier/evidence/records/run.ts'
import { openKernels } from '#verifier/kernels/openKernels.ts'
import { receiptFault, statementFault } from '#verifier/proof/receipt.ts'
import { verifyProof } from '#verifier/proof/verifyProof.ts'

type Given = {
  wasm: string
  model: ModelIdentity
  file: string
  publicKey: string
  request: Request
  nonce: string
  answer: unknown
}

declare const given: Given
declare const document: { body: { textContent: string } }
declare const crypto: { getRandomValues(words: Int32Array): void }

async function check(answer: unknown): Promise<string> {
  const parsed = response.parse({ request: given.nonce, agent: 'a', number: 0, result: answer })
  const { result } = parsed
  if (result.status !== 'ok') return 'no answer'
  const { receipt, output } = result
  const fault =
    statementFault(pureCrypto, {
      statement: receipt.statement,
      requestLeaf: given.nonce,
      request: given.request,
      output,
    }) ?? receiptFault(pureCrypto, receipt, given.publicKey)
  if (fault !== null) return fault
  const report = await verifyProof(
    { request: given.request, requestLeaf: given.nonce, answer: result, model: given.model, workers: [] },
    {
      crypto: pureCrypto,
      engine: null,
      attestation: null,
      kernels: openKernels(fromBase64(given.wasm)),
      randomWords: words => crypto.getRandomValues(words),
      modelFile: async () => fromBase64(given.file),
      blob: async () => new Uint8Array(0),
    },
    () => 0,
  )
  return report.ok ? `holds at 2^-${report.soundnessBits}` : report.detail
}

/** The same answer with one bit of its trace changed: not signed anew, so that its digest tells. */
function changed(answer: unknown): unknown {
  const copy = JSON.parse(JSON.stringify(answer)) as { proof: { trace: { inline: string } } }
  const trace = fromBase64(copy.proof.trace.inline)
  trace[5] = (trace[5] ?? 0) ^ 1
  copy.proof.trace.inline = toBase64(trace)
  return copy
}

document.body.textContent = JSON.stringify({
  honest: await check(given.answer),
  changed: await check(changed(given.answer)),
})
