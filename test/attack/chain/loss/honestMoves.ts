import { toEventSelector } from 'viem'
import { POOL_ABI } from '#runtime/chain/abi.ts'
import { amountAtTick } from '#strategies/sdk/maths/tick.ts'
import type { Intent } from '#verifier/evidence/records/decision.ts'
import type { SeenLog } from './fastChain.ts'
import type { HonestWorld } from './honestWorld.ts'

const INCREASE = toEventSelector('IncreaseLiquidity(uint256,uint128,uint256,uint256)')
const NATIVE = `0x${'00'.repeat(20)}`

export type HonestMovesParameters = {
  world: HonestWorld
  /** A random number from 0 up to `n`. */
  below(n: number): number
  /** Executes the batch of these intents. @throws Error where it is refused */
  perform(kind: string, intents: readonly Intent[]): Promise<readonly SeenLog[]>
  /** What the honest may still take out of an asset in the next block. */
  room(asset: string): Promise<bigint>
}

/** Honest work of every kind, each as often as it stands here. */
export function honestMoves({ world, below, perform, room }: HonestMovesParameters): (() => Promise<unknown>)[] {
  const { chain, net, caps, policy, lendingPool, payee, identity } = world
  const { dollar, weth } = net.market
  const manager = identity.positions ?? ''
  const held: { id: bigint; liquidity: bigint }[] = []
  let [supplied, owed] = [0n, 0n]

  /** Up to what is left of a cap; all of it in one of four. After an hour where little is left. */
  async function part(asset: string, most?: bigint): Promise<bigint> {
    const cap = caps.get(asset)?.amount ?? 0n
    if ((await room(asset)) < cap / 10n) await chain.wait(caps.get(asset)?.window ?? 0)
    const left = await room(asset)
    const share = below(4) === 0 ? left : (left * BigInt(1 + below(999))) / 1_000n
    return most !== undefined && most < share ? most : share
  }
  const swap = (sell: 'USDC' | 'WETH', amountIn: bigint, minBuy = 1n): Intent => ({
    ...{ type: 'swap', sell, buy: sell === 'USDC' ? 'WETH' : 'USDC' },
    ...{ amountIn: String(amountIn), minBuy: String(minBuy) },
  })
  const swapV2 = (sell: 'USDC' | 'WETH', amountIn: bigint): Intent => ({
    ...{ type: 'swapV2', sell, buy: sell === 'USDC' ? 'WETH' : 'USDC', amountIn: String(amountIn), minBuy: '1' },
  })
  const side = () => (below(2) === 0 ? (['USDC', dollar] as const) : (['WETH', weth] as const))
  async function tick(): Promise<number> {
    const slot = { address: net.market.pool, abi: POOL_ABI, functionName: 'slot0' } as const
    return (await net.client.public.readContract(slot))[1]
  }
  async function adding(): Promise<Intent> {
    const at = Math.round((await tick()) / 10) * 10
    return {
      ...{ type: 'addLiquidity', token0: 'USDC', token1: 'WETH', min0: '0', min1: '0' },
      ...{ tickLower: at - 1_000 - 10 * below(500), tickUpper: at + 1_000 + 10 * below(500) },
      ...{ amount0: String(await part(dollar)), amount1: String(await part(weth)) },
    }
  }
  function remember(logs: readonly SeenLog[]): void {
    for (const { topics, data } of logs)
      if (topics[0] === INCREASE) held.push({ id: BigInt(topics[1] ?? 0), liquidity: BigInt(data.slice(0, 66)) })
  }
  async function removing(): Promise<Intent | null> {
    const position = held[below(held.length)]
    if (position === undefined) return null
    const liquidity = await part(manager, position.liquidity)
    position.liquidity -= liquidity
    if (position.liquidity === 0n) held.splice(held.indexOf(position), 1)
    return {
      ...{ type: 'removeLiquidity', token0: 'USDC', token1: 'WETH', min0: '0', min1: '0' },
      ...{ position: String(position.id), liquidity: String(liquidity) },
    }
  }
  const call = (signature: string, amount: bigint, takes: boolean): Intent => ({
    ...{ type: 'call', to: lendingPool, function: signature },
    args: signature.includes(',address') ? [String(amount), identity.safe] : [String(amount)],
    spends: takes ? [{ token: 'USDC', amount: String(amount) }] : [],
    gets: takes ? [] : [{ token: 'USDC', amount: String(amount) }],
  })

  const moves: (() => Promise<unknown>)[] = [
    async () => {
      const [symbol, asset] = side()
      await perform('swap', [swap(symbol, await part(asset))])
    },
    async () => {
      const [symbol, asset] = side()
      await perform('swap in the v2 pair', [swapV2(symbol, await part(asset))])
    },
    // Two calls, through a coin that comes and goes.
    async () => {
      const sold = await part(dollar)
      const bought = (amountAtTick(await tick(), 'quote', sold) * 9n) / 10n
      const through = await part(weth, bought)
      await perform('multi-hop', [swap('USDC', sold, through), swapV2('WETH', through)])
    },
    async () => {
      const amount = await part(NATIVE, await part(weth))
      await perform('wrap and swap', [{ type: 'wrap', token: 'WETH', amount: String(amount) }, swap('WETH', amount)])
    },
    async () => {
      await perform('unwrap', [{ type: 'unwrap', token: 'WETH', amount: String(await part(weth)) }])
    },
    async () => remember(await perform('add liquidity', [await adding()])),
    async () => {
      const intent = await removing()
      if (intent !== null) await perform('remove liquidity', [intent])
    },
    // A position moves to where the price is.
    async () => {
      const intent = await removing()
      if (intent !== null) remember(await perform('remove and add liquidity', [intent, await adding()]))
    },
    async () => {
      const position = held[0]
      if (position === undefined) return
      const intent: Intent = { type: 'collectFees', token0: 'USDC', token1: 'WETH', position: String(position.id) }
      await perform('collect fees', [intent])
    },
    async () => {
      const [amount, borrowed] = [await part(dollar), 1n + BigInt(below(10 ** 9))]
      await perform('supply and borrow', [
        call('supply(uint256)', amount, true),
        call('borrow(uint256,address)', borrowed, false),
      ])
      supplied += amount
      owed += borrowed
    },
    async () => {
      const amount = await part(dollar, owed)
      if (amount === 0n || supplied === 0n) return
      await perform('repay and withdraw', [
        call('repay(uint256)', amount, true),
        call('withdraw(uint256,address)', supplied, false),
      ])
      owed -= amount
      supplied = 0n
    },
    async () => {
      const { symbol, address } = policy.tokens[below(policy.tokens.length)] as Policy['tokens'][number]
      await perform('transfer', [{ type: 'transfer', token: symbol, to: payee, amount: String(await part(address)) }])
    },
    () => net.market.moveTo(200_000 - 3_000 + below(6_000)),
    () => chain.wait(1 + below(3_600)),
  ]
  return moves
}
type Policy = HonestWorld['policy']
