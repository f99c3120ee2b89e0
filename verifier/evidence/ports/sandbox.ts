import type { Json } from '../canonical.ts'
import type { DecisionResult } from '../records/decision.ts'
import type { View } from '../records/observation.ts'
import type { ModelInput } from '../records/request.ts'

/** What a bundle says of itself. */
export type StrategyManifest = {
  name: string
  version: string
  market: { pair: { base: string; quote: string }; intervalSeconds: number; window: number }
  models: { name: string }[]
}

/** The host's side of a strategy's doors. Every use is awaited in order; a rejection is a failed door, which the strategy sees. */
export type Doors = {
  observe(): Promise<View>
  infer(model: string, input: ModelInput): Promise<ModelInput>
}

/** A strategy bundle, loaded once, with no authority but its doors. */
export type SandboxedStrategy = {
  readonly manifest: StrategyManifest
  /** One decision. @throws SANDBOX_LIMIT (time, memory), STRATEGY_FAILED (it threw or answered nonsense) */
  decide(doors: Doors): Promise<DecisionResult>
  close(): Promise<void>
}

/** Loads strategy bundles. */
export type SandboxPort = {
  /** @throws STRATEGY_INVALID when the bundle is no strategy or refuses the parameters */
  load(bundle: Uint8Array, params: Json): Promise<SandboxedStrategy>
}
