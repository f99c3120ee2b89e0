import { z } from 'zod'
import { fromUtf8 } from '#verifier/evidence/bytes.ts'
import { canonicalBytes } from '#verifier/evidence/canonical.ts'
import { digestBytes } from '#verifier/evidence/digest.ts'

/** An LLM agent as data: its canonical JSON is its bundle, and the digest of that its identity. */
export const llmAgentDefinition = z.strictObject({
  kind: z.literal('warrant-llm-agent'),
  name: z.string().min(1).max(200),
  version: z.string().min(1).max(200),
  /** The chat model, by the name that the run binds. */
  model: z.string().min(1).max(200),
  /** What the agent is told; the tools are always the same (agents/llm/tools.ts). */
  instructions: z.string().min(1).max(20_000),
  /** Model calls in one decision at most. */
  maxCalls: z.int().min(1).max(32),
  market: z.strictObject({
    pair: z.strictObject({ base: z.string().min(1).max(20), quote: z.string().min(1).max(20) }),
    intervalSeconds: z.int().min(60).multipleOf(60),
    window: z.int().min(1).max(2_048),
  }),
})
export type LlmAgentDefinition = z.infer<typeof llmAgentDefinition>

/** The bundle of an LLM agent. */
export function llmAgentBundle(definition: LlmAgentDefinition): { bytes: Uint8Array; digest: string } {
  const bytes = canonicalBytes(llmAgentDefinition.parse(definition))
  return { bytes, digest: digestBytes('strategy', bytes) }
}

/** Whether bundle bytes are an LLM agent's definition rather than a script. */
export function isLlmAgent(bytes: Uint8Array): boolean {
  return bytes[0] === 0x7b && fromUtf8(bytes).includes('"kind":"warrant-llm-agent"')
}
