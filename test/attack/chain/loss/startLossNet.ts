import { type Devnet, startDevnet } from '#runtime/chain/devnet/startDevnet.ts'
import { EXECUTOR } from '../arena.ts'
import { ORACLE_TICK } from './lossWorld.ts'

/** A devnet for sequences; the contracts may be larger than a chain allows. */
export function startLossNet(): Promise<Devnet> {
  return startDevnet({
    ...{ startSeconds: 1_700_000_000, startTick: ORACLE_TICK, verifiers: [EXECUTOR.address], threshold: 1 },
    ...{ executor: EXECUTOR.address, treasury: { dollars: 1n, weth: 1n }, codeSizeLimit: 40_000 },
  })
}
