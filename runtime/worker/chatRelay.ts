import type { Ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { digestJson } from '#verifier/evidence/digest.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import { payloadDigest } from '#verifier/evidence/payloadDigest.ts'
import type { Clock } from '#verifier/evidence/ports/clock.ts'
import type { Job } from '#verifier/evidence/ports/queue.ts'
import type { ModelInput } from '#verifier/evidence/records/request.ts'
import type { ModelIdentity } from '#verifier/evidence/records/run.ts'
import { keepSecret, keepUrlSecret } from '#verifier/evidence/text/redact.ts'
import { OPENGRADIENT } from '#verifier/proof/opengradient.ts'
import type { Worker } from './createWorker.ts'
import { createOpenGradientKey, type OpenGradientGateway } from './openGradient.ts'
import { signReceipts } from './receiptBatch.ts'

/** How long an upstream is waited for, whatever a job allows: in milliseconds. */
const MOST_MS = 600_000

/** An OpenAI-compatible API: vLLM, Ollama, a hosted one. `url` ends before `/chat/completions`. */
export type Upstream = {
  url: string
  model: string
  apiKey: string | null
  /** An OpenGradient gateway, whose answers are signed by an attested key. */
  openGradient?: OpenGradientGateway | undefined
}

/** The largest answer that fits a record with its envelope. */
const MAX_ANSWER = 50_000

/** The identity of a hosted model: where it is asked for, and under which name. Nobody here can know more. */
export function hostedModel(name: string, { url, model, openGradient }: Upstream): ModelIdentity {
  return {
    name,
    digest: digestJson('model', { url, model }, nodeCrypto),
    numeric: openGradient === undefined ? 'upstream' : OPENGRADIENT,
    file: null,
    input: null,
    output: null,
  }
}

/**
 * A worker that relays chat requests to an upstream and signs what came back: proof kind `signed`, and no more. Of an
 * OpenGradient gateway it hands on what that signed, over the request as it stands in the log: `opengradient`.
 */
export function createChatRelay({
  id,
  signer,
  upstream,
  clock,
}: {
  id: string
  signer: Ed25519Signer
  upstream: Upstream
  clock: Clock
}): Worker {
  keepUrlSecret(upstream.url)
  // A header that cannot be sent is quoted by who refuses to send it.
  if (upstream.apiKey !== null) keepSecret(upstream.apiKey)
  const attestedKey =
    upstream.openGradient === undefined ? null : createOpenGradientKey(upstream.openGradient, clock.nowMs)

  async function execute(job: Job): Promise<{ output: ModelInput; startedMs: number }> {
    if (job.input.type !== 'chat') throw new WarrantError('WORKER_FAILED', `relay ${id} takes chat requests only`)
    const startedMs = clock.nowMs()
    const request = JSON.parse(job.input.body) as Record<string, unknown>
    if (attestedKey !== null && request.model !== upstream.model)
      throw new WarrantError('WORKER_FAILED', `relay ${id}: the request names ${request.model}, not ${upstream.model}`)
    const response = await fetch(`${upstream.url}/chat/completions`, {
      method: 'POST',
      signal: AbortSignal.timeout(Math.min(MOST_MS, Math.max(1, job.deadlineMs - clock.nowMs()))),
      headers: {
        'content-type': 'application/json',
        ...(upstream.apiKey === null ? {} : { authorization: `Bearer ${upstream.apiKey}` }),
      },
      // What an enclave signs is what the log holds.
      body: attestedKey === null ? JSON.stringify({ ...request, model: upstream.model }) : job.input.body,
    })
    const body = await response.text()
    if (!response.ok) throw new WarrantError('WORKER_FAILED', `the upstream answered ${response.status}`)
    if (body.length > MAX_ANSWER)
      throw new WarrantError(
        'WORKER_FAILED',
        `the upstream answered ${body.length} characters; the most is ${MAX_ANSWER}`,
      )
    return { output: { type: 'chat', body }, startedMs }
  }

  return {
    id,
    publicKey: signer.publicKeyHex,
    async run(jobs) {
      return Promise.all(
        jobs.map(async job => {
          try {
            const { output, startedMs } = await execute(job)
            const attestation = attestedKey !== null && job.proofKind === OPENGRADIENT ? await attestedKey() : null
            const [receipt] = signReceipts(signer, [
              {
                nonce: job.nonce,
                model: job.model.digest,
                numeric: job.model.numeric,
                inputDigest: payloadDigest(job.input, nodeCrypto),
                outputDigest: payloadDigest(output, nodeCrypto),
                proofKind: job.proofKind,
                traceDigest: null,
                worker: id,
                runtime: 'relay',
                startedMs,
                finishedMs: clock.nowMs(),
              },
            ])
            return { v: 1 as const, output, receipt: receipt as NonNullable<typeof receipt>, trace: null, attestation }
          } catch (cause) {
            if (cause instanceof WarrantError) return cause
            return new WarrantError('WORKER_FAILED', `relay ${id}: ${reasonOf(cause)}`, { cause, retry: 'unknown' })
          }
        }),
      )
    },
    async close() {},
  }
}
