import type { Intent } from '#verifier/evidence/records/decision.ts'
import type { Call } from '#verifier/evidence/records/proposal.ts'
import type { ChainIdentity } from '#verifier/evidence/records/run.ts'

/** How intents of one type become calls: written apart from the decoder in verifier/effects. */
export type IntentEncoder<I extends Intent = Intent> = {
  /** @throws BAD_INPUT for a token that the treasury does not list */
  encode(intent: I, chain: ChainIdentity, validUntil: number): Call[]
  /** By token symbol, or `native`: what leaves at most (negative), what must come at least. */
  changes(intent: I): readonly (readonly [symbol: string, amount: bigint])[]
}

/** One protocol, by the types of its intents. */
export type BuildAdapter = { readonly [T in Intent['type']]?: IntentEncoder<Extract<Intent, { type: T }>> }
