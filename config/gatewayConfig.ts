import { z } from 'zod'
import { registeredWorker } from './registeredWorker.ts'

/** Configuration of `warrant gateway`. Paths are relative to the file. */
export const gatewayConfig = z.strictObject({
  listen: z.strictObject({ host: z.string().default('127.0.0.1'), port: z.int().min(0).max(65_535) }),
  log: z.string().describe("directory of the gateway's own log"),
  origin: z
    .string()
    .regex(/^[^+\s]+$/)
    .describe("the log's name, such as example.org/gateway"),
  quorum: z.string().optional().describe('quorum file: the witnesses to ask for cosignatures of the log'),
  tiles: z
    .boolean()
    .default(true)
    .describe(
      'serve the published log over HTTP (tlog-tiles), to whoever reaches the gateway: questions and answers are in it',
    ),
  keys: z.string().describe('directory of its keys, made when missing'),
  models: z.string().describe('directory of .onnx files; each is served under its name'),
  redis: z.url().optional().describe('carries jobs to workers elsewhere; without it one worker runs in this process'),
  workers: z.array(registeredWorker).default([]).describe('workers whose receipts are accepted (with redis)'),
  proofs: z
    .array(z.array(z.enum(['signed', 'freivalds', 'replay', 'quorum', 'refereed', 'tee', 'opengradient'])).min(1))
    .min(1)
    .default([['freivalds'], ['replay']])
    .describe('sets of proof kinds, any of which will do; each model gets the cheapest that it can carry'),
  timeoutMs: z.int().min(1).max(600_000).default(10_000),
  apiKeys: z
    .array(
      z.strictObject({
        agent: z.string().min(1).max(200),
        sha256: z.string().regex(/^[0-9a-f]{64}$/),
        perMinute: z.int().min(1).nullable().default(null),
        budget: z.int().min(0).nullable().default(null).describe('requests since the start of the gateway'),
      }),
    )
    .describe('agents, by the SHA-256 of their API key'),
  hosted: z
    .array(
      z.strictObject({
        name: z.string().min(1).max(200),
        url: z.url().describe('an OpenAI-compatible API, up to before /chat/completions'),
        model: z.string().min(1).describe('its name there'),
        apiKeyFrom: z.string().min(1).optional().describe('environment variable that holds its key'),
        openGradient: z
          .strictObject({
            attestation: z.url().describe("its enclave's attestation document, such as …/enclave/attestation"),
            signingKey: z.url().describe('the key that it signs with, such as …/signing-key'),
          })
          .optional()
          .describe('an OpenGradient gateway, whose attested signature is handed on; `name` must be `model` there'),
      }),
    )
    .default([])
    .describe('chat models elsewhere (vLLM, Ollama, a hosted API): relayed and signed, which proves no more than that'),
})
export type GatewayConfig = z.infer<typeof gatewayConfig>
