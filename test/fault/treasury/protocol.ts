import type { ChainIdentity } from '#verifier/evidence/records/run.ts'
import type { Policy } from '#verifier/policy/policy.ts'

/** Where a life ends: at the Nth step of any kind (an append, its durability, a call out, its answer). Null: it does not. */
export type KillAt = number | null

/** What an agent's process is given at its start. */
export type Life = {
  type: 'life'
  dir: string
  /** The strategy's module. */
  entry: string
  rpc: string
  verifier: string
  verifierAddress: string
  chain: ChainIdentity
  policy: Policy
  seed: string
  minutes: number
  decisions: number
  fromTick: number
  lastTick: number
  killAt: KillAt
}

/** What the process asks of the world, and hears from it. */
export type Ask =
  | { type: 'tick'; tick: number }
  | { type: 'execution'; tick: number }
  | { type: 'done'; tick: number; steps: number }
export type Told = Life | { type: 'go'; nowMs: number }
