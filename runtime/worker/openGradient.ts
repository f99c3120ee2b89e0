import { createPublicKey, randomBytes } from 'node:crypto'
import { z } from 'zod'
import { canonicalBytes } from '#verifier/evidence/canonical.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { JobResult } from '#verifier/evidence/ports/queue.ts'

/** Where an OpenGradient gateway shows what it is: its enclave's attestation (nitriding), and the key that it signs with. */
export type OpenGradientGateway = { attestation: string; signingKey: string }

/** An enclave's certificate lives for some hours: its document is asked for anew before that. */
const RENEW_MS = 30 * 60_000
const MOST_CHARACTERS = 40_000

const keyAnswer = z.looseObject({ public_key: z.string().max(4_000) })

/** Asks for the attested key, and keeps the answer for half an hour. */
export function createOpenGradientKey(
  { attestation, signingKey }: OpenGradientGateway,
  nowMs: () => number,
): () => Promise<NonNullable<JobResult['attestation']>> {
  let held: { at: number; key: Promise<NonNullable<JobResult['attestation']>> } | null = null

  async function ask(): Promise<NonNullable<JobResult['attestation']>> {
    const { public_key } = keyAnswer.parse(JSON.parse(await textFrom(signingKey)))
    const nonce = randomBytes(20).toString('hex')
    const document = (await textFrom(`${attestation}${attestation.includes('?') ? '&' : '?'}nonce=${nonce}`)).trim()
    return {
      document: canonicalBytes({ v: 1, platform: 'nitro', document: z.base64().parse(document) }),
      publicKey: new Uint8Array(createPublicKey(public_key).export({ format: 'der', type: 'spki' })),
    }
  }

  return async () => {
    if (held === null || nowMs() - held.at > RENEW_MS) {
      const asked = { at: nowMs(), key: ask() }
      held = asked
      asked.key.catch(() => {
        if (held === asked) held = null
      })
    }
    return held.key.catch((cause: unknown) => {
      throw new WarrantError('WORKER_FAILED', `no attested key of the OpenGradient gateway: ${reasonOf(cause)}`, {
        cause,
        retry: 'safe',
      })
    })
  }
}

async function textFrom(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(10_000) })
  const text = await response.text()
  if (!response.ok) throw new Error(`${url} answered ${response.status}`)
  if (text.length > MOST_CHARACTERS) throw new Error(`${url} answered ${text.length} characters`)
  return text
}
