import type { DecisionResult, DoorUse, LogLine } from '../records/decision.ts'
import type { View } from '../records/observation.ts'
import type { ModelInput } from '../records/request.ts'

/** What a bundle says of itself. */
export type StrategyManifest = {
  name: string
  version: string
  market: { pair: { base: string; quote: string }; intervalSeconds: number; window: number }
  models: { name: string }[]
}

/** The host's side of a strategy's doors. `view` answers `observe`; a rejected `infer` is a failed door, which the strategy sees. */
export type Doors = {
  view: View
  infer(model: string, input: ModelInput): Promise<ModelInput>
}

/** A decision, which doors it went through, in order, and what it logged. */
export type Decided = { result: DecisionResult; uses: DoorUse['door'][]; log: readonly LogLine[] }

/** One question of a strategy that is run again: which door, and for `infer` what it asked. */
export type Asked = { door: 'observe' } | { door: 'infer'; model: string; input: ModelInput }

/** The answers on record: the view, and for each inference in order its output, or why it failed. */
export type RecordedAnswers = { view: View; inferences: ({ output: ModelInput } | { failure: string })[] }

/** A decision made again from recorded answers. `result` is null when the strategy failed, or asked for more than was recorded. */
export type Rederived = {
  result: DecisionResult | null
  failure: string | null
  asked: Asked[]
  log: readonly LogLine[]
}

/** A strategy bundle, loaded once, with no authority but its doors. */
export type SandboxedStrategy = {
  readonly manifest: StrategyManifest
  /** One decision. @throws SANDBOX_LIMIT (time, memory), STRATEGY_FAILED (it threw or answered nonsense) */
  decide(doors: Doors): Promise<Decided>
  /** One decision from recorded answers alone; calls may overlap. @throws SANDBOX_LIMIT, STRATEGY_FAILED */
  rederive(recorded: RecordedAnswers): Promise<Rederived>
  close(): Promise<void>
}

/** Loads strategy bundles. */
export type SandboxPort = {
  /**
   * `params`: JSON text. `signal` ends what is still loading.
   *
   * @throws STRATEGY_INVALID when the bundle is no strategy or refuses the parameters, SANDBOX_LIMIT (time, memory)
   */
  load(bundle: Uint8Array, params: string, signal?: AbortSignal): Promise<SandboxedStrategy>
}
