import { encodeFunctionData, type Hex, parseAbi } from 'viem'
import { ERC20_ABI } from '#runtime/chain/abi.ts'
import type { Artifact } from '#runtime/chain/artifacts.ts'
import type { Devnet } from '#runtime/chain/devnet/startDevnet.ts'
import { amountAtTick } from '#strategies/sdk/maths/tick.ts'
import { seededRandom } from '../../fault/seededRandom.ts'
import { type Arena, ATTACKER, type Call, createArena } from './arena.ts'

/** The oracle's price: what everything is valued at, wherever the attacker pushes the pool. */
const ORACLE_TICK = 200_000
const WINDOW = 3_600
const CAPS = { dollar: 5_000n * 10n ** 6n, weth: 2n * 10n ** 18n }
const STEPS = 8

/** What one sequence came to. Losses in whole USD. */
export type Loss = { steps: string[]; executed: number; lossUsd: number; allowedUsd: number }

const usd = (dollars: bigint, weth: bigint) => Number(dollars + amountAtTick(ORACLE_TICK, 'base', weth)) / 1e6

/**
 * Random sequences by somebody who holds the executor's key, the keys of k verifiers and all the money of the pool:
 * swaps of any size, batches, pushes of the pool, waiting, replays, tries to pay themselves. After each sequence the loss,
 * valued by an oracle of its own, is at most what the owners' caps let out in that time. Each starts from the same chain.
 *
 * @returns runs the sequence of a seed. @throws Error naming the seed and the steps of a sequence that lost more
 */
export async function openLossArena(
  net: Devnet,
  artifact: (name: string) => Artifact,
): Promise<(seed: number) => Promise<Loss>> {
  const arena = await createArena(net, artifact)
  await arena.configure('setCap', [arena.dollar, CAPS.dollar, WINDOW])
  await arena.configure('setCap', [arena.weth, CAPS.weth, WINDOW])
  await net.market.moveTo(ORACLE_TICK)
  const rpc = (method: 'evm_snapshot' | 'evm_revert', params: unknown[]) =>
    net.client.public.request({ method, params } as never) as Promise<unknown>
  return async seed => {
    const snapshot = await rpc('evm_snapshot', [])
    const done = await sequence(arena, seed)
    const stolen =
      (await arena.balance(arena.dollar, ATTACKER.address)) + (await arena.balance(arena.weth, ATTACKER.address))
    await rpc('evm_revert', [snapshot])
    if (done.lossUsd > done.allowedUsd || stolen > 0n)
      throw new Error(
        `seed ${seed}: lost ${done.lossUsd} USD, ${done.allowedUsd} allowed, ${stolen} in the attacker's hands: ${done.steps.join(' | ')}`,
      )
    return done
  }
}

async function sequence(arena: Arena, seed: number): Promise<Loss> {
  const random = seededRandom(seed)
  const below = (n: number) => Math.floor(random() * n)
  const { client, market } = arena.net
  const time = async () => Number((await client.public.getBlock()).timestamp)
  const value = async () => usd(await arena.balance(arena.dollar), await arena.balance(arena.weth))
  const [start, before] = [await time(), await value()]
  const steps: string[] = []
  let executed = 0
  let last: (() => Promise<string>) | null = null

  const loose = [arena.bound(arena.dollar, -(10n ** 13n)), arena.bound(arena.weth, -(10n ** 21n))]
  /** Signed by those who collude, whatever it is. */
  async function push(what: string, calls: Call[]): Promise<void> {
    const message = await arena.verdict({ calls, bounds: loose })
    const signatures = [await arena.sign(message)]
    last = () => arena.execute(message, signatures)
    const done = await last()
    if (done === 'succeeded') executed++
    steps.push(`${what} ${done.split('(')[0]}`)
  }
  const side = () => (below(2) === 0 ? ('USDC' as const) : ('WETH' as const))
  // Most fit, some are far beyond the cap.
  const amount = (sell: 'USDC' | 'WETH') => {
    const cap = sell === 'USDC' ? CAPS.dollar : CAPS.weth
    return (cap * BigInt(1 + below(below(4) === 0 ? 3_000 : 1_000))) / 1_000n
  }
  const swap = () => {
    const sell = side()
    return arena.swapCalls(amount(sell), sell)
  }
  const erc20 = (token: Hex, functionName: 'transfer' | 'approve'): Call => ({
    to: token,
    value: 0n,
    data: encodeFunctionData({ abi: ERC20_ABI, functionName, args: [ATTACKER.address, 10n ** 9n] }),
  })

  const moves: (() => Promise<void>)[] = [
    () => push('swap', swap()),
    () => push('swap', swap()),
    () => push('swap', swap()),
    () => push('swap', swap()),
    () => push('batch', [...swap(), ...swap(), ...swap()]),
    async () => {
      const tick = ORACLE_TICK - 6_000 + below(12_000)
      await market.moveTo(tick)
      steps.push(`pool to ${tick}`)
    },
    async () => {
      const seconds = 1 + below(WINDOW)
      await client.setNextTimestamp((await time()) + seconds)
      steps.push(`wait ${seconds}`)
    },
    async () => {
      if (last === null) return
      steps.push(`replay ${(await last()).split('(')[0]}`)
    },
    () => push('pay the attacker', [erc20(below(2) === 0 ? arena.dollar : arena.weth, 'transfer')]),
    async () => {
      const token = below(2) === 0 ? arena.dollar : arena.weth
      await push('approve the attacker', [erc20(token, 'approve')])
      const abi = parseAbi(['function transferFrom(address from, address to, uint256 amount) returns (bool)'])
      const args = [arena.safe, ATTACKER.address, 1n] as const
      await arena.attempt(ATTACKER, token, encodeFunctionData({ abi, functionName: 'transferFrom', args }))
    },
    () =>
      push(
        'swap to the attacker',
        swap().map(call => ({
          ...call,
          data: call.data.replaceAll(arena.safe.slice(2), ATTACKER.address.slice(2).toLowerCase()) as Hex,
        })),
      ),
  ]
  for (let i = 0; i < STEPS; i++) await (moves[below(moves.length)] as () => Promise<void>)()

  // A leaking bucket lets out its size at once, and that much again in each window.
  const windows = 1 + ((await time()) - start) / WINDOW
  const allowedUsd = usd(CAPS.dollar, CAPS.weth) * windows
  return { steps, executed, lossUsd: before - (await value()), allowedUsd }
}
