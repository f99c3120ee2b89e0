import type { Frame } from '#agents/sandbox/strategyFailure.ts'
import type { Schedule } from '#runtime/market/bars.ts'
import type { ErrorCode } from '#verifier/evidence/error.ts'
import type { StrategyManifest } from '#verifier/evidence/ports/sandbox.ts'
import type { DecisionResult, DoorUse, LogLine } from '#verifier/evidence/records/decision.ts'
import type { ModelInput } from '#verifier/evidence/records/request.ts'
import type { ModelIdentity } from '#verifier/evidence/records/run.ts'
import type { Balances, Pair } from '../paperTreasury.ts'
import type { NativeCalls } from './nativeCalls.ts'

export type ScoutFailure = { code: ErrorCode; message: string; log?: readonly LogLine[]; frames?: readonly Frame[] }

/** One inference of a step, and its answer. */
export type ScoutInference = { model: string; input: ModelInput } & ({ output: ModelInput } | { failure: ScoutFailure })

/** One tick as the scout decided it. */
export type ScoutStep = {
  tick: number
  balances: Balances
  uses: DoorUse['door'][]
  inferences: ScoutInference[]
  log: readonly LogLine[]
  decided: { result: DecisionResult } | { failure: ScoutFailure }
}

/** What a scout's thread is started with. `progress`: one word that grows with every decision. */
export type ScoutData = { bundle: Uint8Array; params: string; progress: SharedArrayBuffer; native: NativeCalls }

export type ToScout =
  | {
      type: 'explore'
      models: { identity: ModelIdentity; file: Uint8Array }[]
      schedule: Schedule
      pair: Pair
      feePips: number
      from: number
      balances: Balances
      /** Steps of one message. */
      together: number
    }
  | { type: 'taken'; steps: number }

export type FromScout =
  | { type: 'loaded'; manifest: StrategyManifest }
  | { type: 'failed'; failure: ScoutFailure }
  | { type: 'steps'; steps: ScoutStep[] }
