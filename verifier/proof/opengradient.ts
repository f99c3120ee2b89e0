import { keccak_256 } from '@noble/hashes/sha3'
import { z } from 'zod'
import { concat, equalBytes, fromBase64, fromHex, utf8 } from '#verifier/evidence/bytes.ts'
import { proofIn } from '#verifier/evidence/records/proof.ts'
import { attestationFault } from './attested.ts'
import type { ProofKind } from './proofKind.ts'

/** How such a model's identity names its numbers, and the kind's name. */
export const OPENGRADIENT = 'opengradient'

/** The last time that a date can name, in seconds. */
const LAST_SECOND = 8_640_000_000_000

const base64 = z.base64().max(2_048)
const hash = z
  .string()
  .regex(/^(0x)?[0-9a-f]{64}$/)
  .transform(text => text.replace(/^0x/, ''))

/** What an OpenGradient gateway adds to the answer of a chat: its signature, and what it signed. */
const signedAnswer = z.looseObject({
  choices: z
    .array(
      z.looseObject({ message: z.looseObject({ content: z.string().nullish(), tool_calls: z.unknown().optional() }) }),
    )
    .min(1),
  tee_signature: base64,
  tee_request_hash: hash,
  tee_output_hash: hash,
  tee_timestamp: z.int().min(0).max(LAST_SECOND),
})

/** The bytes that the gateway signs: keccak256(requestHash ‖ outputHash ‖ timestamp), the timestamp as a big-endian uint256. */
export function openGradientMessage(request: Uint8Array, output: Uint8Array, timestamp: number): Uint8Array {
  const time = new Uint8Array(32)
  new DataView(time.buffer).setBigUint64(24, BigInt(timestamp))
  return keccak_256(concat(keccak_256(request), keccak_256(output), time))
}

/** The text that an answer's output hash covers: the message's, else its tool calls as they stand. */
export function openGradientOutput(message: { content?: string | null | undefined; tool_calls?: unknown }): string {
  return message.content ?? JSON.stringify(message.tool_calls ?? null)
}

/**
 * What nitriding puts into an enclave's `user_data`: `sha256:` and the digest of the TLS key, `;sha256:` and that of the
 * application's key, digests as raw bytes. Whether it names this key (SPKI, DER).
 */
export function namesKey(data: Uint8Array, keyDigest: Uint8Array): boolean {
  const [first, second] = [utf8('sha256:'), utf8(';sha256:')]
  return (
    data.length === first.length + second.length + 64 &&
    equalBytes(data.subarray(0, 7), first) &&
    equalBytes(data.subarray(39, 47), second) &&
    equalBytes(data.subarray(47), keyDigest)
  )
}

/** How far the clocks of an enclave and of its relay may be apart, ms. */
const CLOCK_SKEW = 60_000

/** An OpenGradient gateway's enclave relayed this request and this answer. */
export const opengradient: ProofKind = {
  kind: 'opengradient',
  proves: 'an attested OpenGradient gateway signed this answer to this request',
  assumes: [
    "the enclave's vendor is honest, and its hardware holds against those who touch it",
    'the provider behind the enclave, which it does not control, ran the model that it names',
    'the relay asked once: a signed answer does not say how often it was asked for',
  ],
  browser: false,
  async verify(subject, ports) {
    const { request, answer } = subject
    const refuse = (detail: string) => ({ ok: false, detail, soundnessBits: null })
    const part = proofIn(answer.proof, 'opengradient')
    if (part === null) return refuse('the answer carries no attestation')
    if (ports.attestation === null) return refuse('cannot be checked: this verifier checks no attestations')
    if (request.input.type !== 'chat' || answer.output.type !== 'chat') return refuse('only chats are relayed')
    const body = signedAnswer.safeParse(parsed(answer.output.body))
    if (!body.success) {
      const [issue] = body.error.issues
      return refuse(`the answer is not a signed one: ${issue?.path.join('.')}: ${issue?.message}`)
    }
    const { choices, tee_signature, tee_request_hash, tee_output_hash, tee_timestamp } = body.data
    // One signature covers one text: what stands beside it would be anybody's.
    if (choices.length !== 1) return refuse(`the answer has ${choices.length} choices; one is signed`)
    const { message: said } = choices[0] as (typeof choices)[number]
    if (said.content != null && said.tool_calls != null)
      return refuse('the answer has words and tool calls; the signature covers the words alone')
    const [sent, output] = [utf8(request.input.body), utf8(openGradientOutput(said))]
    if (!equalBytes(keccak_256(sent), fromHex(tee_request_hash))) return refuse('it signed another request')
    if (!equalBytes(keccak_256(output), fromHex(tee_output_hash))) return refuse('it signed another answer')
    const { startedMs, finishedMs } = answer.receipt.statement
    const at = 1_000 * tee_timestamp
    if (at < startedMs - CLOCK_SKEW || at > finishedMs + CLOCK_SKEW)
      return refuse(`it signed at another time: ${new Date(at).toISOString()}`)
    const key = fromBase64(part.publicKey)
    const message = openGradientMessage(sent, output, tee_timestamp)
    if (!ports.attestation.port.verifyRsaPss(key, message, fromBase64(tee_signature)))
      return refuse("the signature is not the gateway's")
    const keyDigest = ports.crypto.sha256(key)
    const fault = await attestationFault(
      subject,
      { kind: 'opengradient', attestation: part.attestation, binds: data => namesKey(data, keyDigest) },
      ports,
    )
    return fault === null
      ? { ok: true, detail: 'signed by an attested OpenGradient gateway', soundnessBits: null }
      : refuse(fault)
  },
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
