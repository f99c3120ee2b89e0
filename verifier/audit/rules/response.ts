import { fromBase64, fromHex } from '#verifier/evidence/bytes.ts'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { digestBytes } from '#verifier/evidence/digest.ts'
import type { RecordOf } from '#verifier/evidence/record.ts'
import { payloadsOf, proofIn, proofName } from '#verifier/evidence/records/proof.ts'
import { receiptFaultLater, statementFault } from '#verifier/proof/receipt.ts'
import { isWallClock, type RuleContext, same } from './ruleContext.ts'

/** How far a worker's clock may be from the log's. */
export const WORKER_SKEW_MS = 10 * 60_000

/** R22 to R27. */
export function checkResponse(record: RecordOf<'response'>, context: RuleContext): void {
  const { state, leafHash, fail, crypto, where } = context
  const { body } = record
  const request = state.openRequests.get(body.request)
  if (request === undefined) return fail('R22', 'body.request', 'is no open request: unknown, or answered before')
  state.openRequests.delete(body.request)
  same(fail, 'R22', 'body.number', body.number, request.body.number)
  same(fail, 'R22', 'body.agent', body.agent, request.body.agent)
  const asked = state.asked.get(request.body.tick)?.find(({ leaf }) => leaf === body.request)
  if (asked !== undefined) Object.assign(asked, { response: leafHash, failed: body.result.status !== 'ok' })
  if (body.result.status !== 'ok') return
  const { output, receipt, proof } = body.result
  const { statement } = receipt
  same(fail, 'R23', 'body.result.proof.kind', proofName(proof), request.body.proofKind)
  const fault = statementFault(crypto, { statement, requestLeaf: body.request, request: request.body, output })
  if (fault !== null) fail('R24', 'body.result.receipt', fault)
  const traced = proofIn(proof, 'freivalds')
  if ((statement.traceDigest !== null) !== (traced !== null || proofIn(proof, 'refereed') !== null))
    fail(
      'R26',
      'body.result.receipt.statement.traceDigest',
      `stands with a trace and only there: the proof is ${proofName(proof)}`,
    )
  if (traced !== null) {
    state.unsealed.push(fromHex(leafHash))
    const { trace } = traced
    if ('inline' in trace && traceDigestOf(trace.inline, crypto) !== statement.traceDigest)
      fail('R26', 'body.result.proof.trace', 'does not have the digest of its receipt')
  }
  for (const { field, ref } of payloadsOf(proof)) context.names(ref, `body.result.proof.${field}`)
  if (statement.finishedMs < statement.startedMs)
    fail('R27', 'body.result.receipt.statement.finishedMs', 'is before its start')
  else if (isWallClock(state) && Math.abs(record.atMs - statement.finishedMs) > WORKER_SKEW_MS)
    fail(
      'R27',
      'body.result.receipt.statement.finishedMs',
      `is ${statement.finishedMs}, the record is of ${record.atMs}`,
    )
  const worker = state.run.body.keys.workers.find(({ id }) => id === statement.worker)
  if (worker === undefined)
    return fail('R25', 'body.result.receipt', `worker ${statement.worker} is not listed in the run`)
  context.later(
    receiptFaultLater(crypto, receipt, worker.publicKey).then(forged =>
      forged === null
        ? []
        : [{ where: `${where} (response) body.result.receipt.signature`, reason: forged, rule: 'R25' }],
    ),
  )
}

/** Digest of a trace that stands in its record; null where the text is no base64. */
function traceDigestOf(inline: string, crypto: CryptoPort): string | null {
  try {
    return digestBytes('trace', fromBase64(inline), crypto)
  } catch {
    return null
  }
}
