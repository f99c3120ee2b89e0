import type { LoadedStrategy } from '#runtime/run/openRun.ts'
import type { DemoRun, DemoWorld } from '../demoWorld.ts'

/** Ticks of the schedule that the attacks use after the demo's own decisions. */
export const ATTACK_TICKS = 12
export type Refusal = { attack: string; caughtBy: string; reason: string; caught: boolean }
export function attackStrategies(_strategy: LoadedStrategy): { digest: string; params: string }[] {
  return []
}
export function attackWorker(_dir: string): { publicKey: string; operator: string } {
  return { publicKey: '00'.repeat(32), operator: 'x' }
}
export async function runAttacks({
  run,
  decisions,
}: {
  world: DemoWorld
  run: DemoRun
  strategy: LoadedStrategy
  firstTick: number
  decisions: number
}): Promise<{ refusals: Refusal[]; proposals: number; denied: number }> {
  await run.opened.close('the demo ended', decisions)
  return { refusals: [], proposals: 0, denied: 0 }
}
