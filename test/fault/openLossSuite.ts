import { attackerSequence } from '../attack/chain/loss/attackerSequence.ts'
import { honestSequence } from '../attack/chain/loss/honestSequence.ts'
import { openHonestWorld } from '../attack/chain/loss/honestWorld.ts'
import { LOSS_FAULTS } from '../attack/chain/loss/lossFaults.ts'
import { createLossTally, missingIn } from '../attack/chain/loss/lossTally.ts'
import { openLossWorld } from '../attack/chain/loss/lossWorld.ts'
import { startLossNet } from '../attack/chain/loss/startLossNet.ts'
import { openResult, writeResult } from './resultFile.ts'

/** So many of the attacker's sequences have one of honest work beside them. */
const HONEST_EVERY = 4
/** A fault that so many sequences do not tell is told by none. */
const MOST_FOR_FAULT = 100

/**
 * Sequences of an attacker with every key but the owners', and of honest work. Before any counts, each fault in the list of
 * faults is put into the contracts and must be told.
 *
 * @throws Error naming a fault that no sequence tells
 */
export async function openLossSuite(first: number) {
  const { compileContracts } = await import('../attack/chain/mutants.ts')
  const opened = openResult('loss', first)
  const net = await startLossNet()
  const intact = compileContracts([])
  for (const { name, without, told } of LOSS_FAULTS) {
    const world = await openLossWorld(net, compileContracts(without, intact))
    const seed = await tellingSeed(told, at => attackerSequence(world, first + at))
    if (seed === null) throw new Error(`no sequence tells that ${name}`)
    console.error(`told by sequence ${first + seed}: ${name}`)
  }
  const hostile = await openLossWorld(net, intact)
  const honest = await openHonestWorld(net, intact)
  const { tally, attacked, worked } = createLossTally()
  let [sequences, honestSequences] = [0, 0]

  async function one(seed: number): Promise<string> {
    sequences++
    const done = await attackerSequence(hostile, seed)
    attacked(done)
    if (sequences % HONEST_EVERY === 0) {
      honestSequences++
      worked(await honestSequence(honest, seed))
    }
    const most = Math.max(...[...done.shares.values()].map(({ inWindow }) => inWindow))
    return `let out up to ${Math.ceil(10 * most)}0 % of what a window allows`
  }
  return Object.assign(one, {
    close: () => net.stop(),
    keep(failed: readonly string[]): string {
      const missing = missingIn(tally)
      return writeResult('loss', {
        ...opened,
        figures: {
          ...{ sequences, honestSequences, failed: [...failed, ...missing], faultsTold: LOSS_FAULTS.length },
          ...tally,
        },
      })
    },
  })
}

/** The first sequence that fails as it should; null: none does. @throws the error of one that fails otherwise */
async function tellingSeed(told: RegExp, run: (at: number) => Promise<unknown>): Promise<number | null> {
  for (let at = 0; at < MOST_FOR_FAULT; at++) {
    const failed = await run(at).then(
      () => null,
      (error: Error) => error,
    )
    if (failed === null) continue
    if (told.test(failed.message)) return at
    throw failed
  }
  return null
}
