import { encodeFunctionData, type Hex, type PrivateKeyAccount, parseAbi, zeroAddress } from 'viem'
import { ERC20_ABI, MODULE_ABI } from '#runtime/chain/abi.ts'
import { ATTACKER, type Call, EXECUTOR, VERIFIERS } from '../arena.ts'
import { type LossWorld, ORACLE_TICK, POSITIONS_ABI, WINDOW } from './lossWorld.ts'

/** What the attacker has at hand in one sequence. */
export type AttackerMove = {
  world: LossWorld
  /** A random number from 0 up to `n`. */
  below(n: number): number
  /** Has a batch signed by those who collude, whatever it is, and executes it. */
  push(name: string, calls: Call[], options?: { signers?: readonly PrivateKeyAccount[] }): Promise<boolean>
  /** Sends the last batch again. */
  again(): Promise<void>
  /** Sends a call past the module. */
  alone(name: string, to: Hex, data: Hex, from: Hex): Promise<void>
  /** What the limits of an asset still let out in the next block, by their definition. */
  roomOf(asset: Hex): Promise<bigint>
  say(what: string): void
}

const WORDS = parseAbi([
  'function transferFrom(address from, address to, uint256 amount)',
  'function increaseAllowance(address spender, uint256 amount)',
  'function deposit() payable',
  'function withdraw(uint256 amount)',
  'function refundETH() payable',
  'function sweepToken(address token, uint256 least, address to) payable',
  'function enableModule(address module)',
  'function borrow(uint256 amount, address to)',
])
const MOST = (1n << 256n) - 1n
const LATE = 2_000_000_000
/** What the rules let one call carry. */
const VALUE_AT_ONCE = 10n ** 18n
const call = (to: Hex, data: Hex, value = 0n): Call => ({ to, value, data })

/** Everything that the attacker tries, each as often as it stands here. */
export function attackerMoves(move: AttackerMove): (() => Promise<void>)[] {
  const { world, below, push, again, alone, roomOf, say } = move
  const { arena, chain, manager, pool, permit2, taker, position } = world
  const { dollar, weth, evil, exchange, router, safe } = arena
  const either = <T>(...options: [T, ...T[]]): T => options[below(options.length)] as T

  /** Around what an asset's limits let out: all of it, one more, a part, or far too much. */
  async function amountOf(asset: Hex): Promise<bigint> {
    const cap = (world.limits.get(asset) ?? [])[0]?.amount ?? 0n
    const room = await roomOf(asset)
    const part = (of: bigint) => (of * BigInt(1 + below(1_000))) / 1_000n
    return either(room, room + 1n, room / 2n, part(room), part(cap), cap, 3n * part(cap)) || 1n
  }
  const word = (to: Hex, functionName: string, args: readonly unknown[], value = 0n): Call =>
    call(to, encodeFunctionData({ abi: WORDS, functionName, args } as never), value)
  const swap = async (pieces = 1n): Promise<Call[]> => {
    const sell = either('USDC' as const, 'WETH' as const)
    return arena.swapCalls((await amountOf(sell === 'USDC' ? dollar : weth)) / pieces + 1n, sell)
  }
  const take = (token: Hex, what: bigint) =>
    call(taker, arena.encode('Taker', 'take', [token, safe, ATTACKER.address, what]))
  const positionCall = (functionName: string, args: readonly unknown[]) =>
    call(manager, encodeFunctionData({ abi: POSITIONS_ABI, functionName, args } as never))
  const token = () => either(dollar, weth, evil)

  const wrappedInPieces = (amount: bigint): Call[] =>
    amount <= VALUE_AT_ONCE
      ? [word(weth, 'deposit', [], amount)]
      : [word(weth, 'deposit', [], VALUE_AT_ONCE), ...wrappedInPieces(amount - VALUE_AT_ONCE)]
  const decrease = (liquidity: bigint) =>
    positionCall('decreaseLiquidity', [
      { tokenId: position, liquidity, amount0Min: 0n, amount1Min: 0n, deadline: BigInt(LATE) },
    ])
  const sale = (sold: Hex, amount: bigint) => [
    arena.approve(sold, exchange, amount),
    arena.trade(sold, dollar, amount, 0n),
  ]
  /** Takes exactly so much out of an asset. */
  const outOf = (asset: Hex, amount: bigint): Call[] => {
    if (asset === zeroAddress) return wrappedInPieces(amount)
    if (asset === manager) return [decrease(amount)]
    return asset === pool ? [word(pool, 'borrow', [amount, safe])] : sale(asset, amount)
  }

  const trades: Record<string, () => Promise<unknown>> = {
    swap: async () => push('swap', await swap()),
    async batch() {
      const pieces = either(1n, 4n, 4n)
      await push('three swaps', [...(await swap(pieces)), ...(await swap(pieces)), ...(await swap(pieces))])
    },
    async nativeSwap() {
      // The router pays with what it was sent; what is left in it anybody can call back.
      const [, ...swaps] = arena.swapCalls(1n + (await amountOf(zeroAddress)) / 2n, 'WETH')
      const value = await amountOf(zeroAddress)
      await push(
        'swap paid in native coins',
        swaps.map(one => ({ ...one, value })),
      )
      await alone('refundETH', router, word(router, 'refundETH', []).data, ATTACKER.address)
    },
    async wrap() {
      const amount = await amountOf(zeroAddress)
      const back = word(weth, 'withdraw', [either(amount, amount / 2n)])
      const wrapped = word(weth, 'deposit', [], amount)
      await push(
        'wrap',
        either([wrapped], wrappedInPieces(amount), [...wrappedInPieces(amount), back], [wrapped, back, wrapped]),
      )
    },
    unwrap: async () => push('unwrap', [word(weth, 'withdraw', [await amountOf(weth)])]),
    async roundTrip() {
      // What one call brings the next one takes: net nothing.
      const amount = await amountOf(dollar)
      const calls = [
        arena.approve(dollar, exchange, amount),
        arena.trade(evil, dollar, 0n, amount),
        arena.trade(dollar, evil, amount, 0n),
      ]
      await push('round trip at a desk', calls)
    },
    async sellForNothing() {
      const sold = token()
      await push('sale for nothing', sale(sold, await amountOf(sold)))
    },
    async drain() {
      // All that the limits let out, and again whatever has leaked.
      const asset = either(zeroAddress, dollar, weth, evil, manager, pool)
      const pause = either(WINDOW / 4, WINDOW / 2, WINDOW)
      for (let seconds = 0; seconds <= WINDOW; seconds += pause) {
        const room = await roomOf(asset)
        await push('more than the drain', outOf(asset, room + 1n + room / 2n))
        // A bucket rounds what has leaked down, each time.
        if (room > 10n) await push('drain', outOf(asset, seconds === 0 ? room : room - 10n))
        await chain.wait(pause)
      }
      say(`drained ${asset} every ${pause} s`)
    },
    async liquidityOut() {
      const collect = {
        tokenId: position,
        recipient: safe,
        amount0Max: (1n << 128n) - 1n,
        amount1Max: (1n << 128n) - 1n,
      }
      await push('liquidity out', [decrease(await amountOf(manager)), positionCall('collect', [collect])])
    },
    async liquidityIn() {
      const [amount0Desired, amount1Desired] = [await amountOf(dollar), await amountOf(weth)]
      const params = {
        ...{ token0: dollar, token1: weth, fee: 500, tickLower: 190_000, tickUpper: 210_000 },
        ...{ amount0Desired, amount1Desired, amount0Min: 0n, amount1Min: 0n },
        ...{ recipient: either(safe, safe, safe, ATTACKER.address), deadline: BigInt(LATE) },
      }
      await push('liquidity in', [
        arena.approve(dollar, manager, amount0Desired),
        arena.approve(weth, manager, amount1Desired),
        positionCall('mint', [params]),
        arena.approve(dollar, manager, 0n),
        arena.approve(weth, manager, 0n),
      ])
    },
    async borrow() {
      const recipient = either(safe, safe, safe, ATTACKER.address)
      await push('borrow', [word(pool, 'borrow', [await amountOf(pool), recipient])])
    },
  }

  const powers: Record<string, () => Promise<unknown>> = {
    async allowanceUsed() {
      const of = token()
      // The allowance counts, and so does what is taken.
      const amount = (await amountOf(of)) / 2n
      await push('allowance used', [arena.approve(of, taker, amount), take(of, amount), arena.approve(of, taker, 0n)])
    },
    async allowanceLeft() {
      const of = token()
      const amount = await amountOf(of)
      await push('allowance left', [arena.approve(of, either(ATTACKER.address, taker, exchange), amount)])
      const args = [safe, ATTACKER.address, 1n] as const
      const data = encodeFunctionData({ abi: WORDS, functionName: 'transferFrom', args })
      await alone('transferFrom', of, data, ATTACKER.address)
      await alone('take', taker, take(of, 1n).data, ATTACKER.address)
    },
    async allowances() {
      const of = token()
      const amounts = either([await amountOf(of), await amountOf(of)], [MOST, 1n], [MOST])
      await push(
        'allowances given and taken back',
        [...amounts, 0n].map(amount => arena.approve(of, taker, amount)),
      )
    },
    async increased() {
      const amount = (await amountOf(evil)) / 2n
      const back = arena.approve(evil, taker, 0n)
      await push('allowance increased', [
        word(evil, 'increaseAllowance', [taker, amount]),
        take(evil, amount / 2n),
        back,
      ])
    },
    async permit2() {
      const amount = (await amountOf(evil)) / 2n
      const approve = (most: bigint) => call(permit2, arena.encode('Permit2', 'approve', [evil, taker, most, LATE]))
      const through = arena.encode('Taker', 'takeThrough', [permit2, evil, safe, ATTACKER.address, amount])
      await push('allowance through Permit2', [approve(amount), call(taker, through), ...either([approve(0n)], [])])
    },
    async hook() {
      // The token's hook takes dollars while the same call pays them.
      const amount = await amountOf(dollar)
      const hook = (target: Hex, data: Hex) => arena.encode('HostileToken', 'setHook', [target, data])
      await alone('hook', evil, hook(taker, take(dollar, amount).data), ATTACKER.address)
      await push('taken by a hook', [
        arena.approve(dollar, taker, amount),
        arena.approve(evil, exchange, 1n),
        arena.trade(evil, dollar, 1n, amount),
        ...either([], [arena.approve(dollar, taker, 0n)]),
      ])
      await alone('no hook', evil, hook(zeroAddress, '0x'), ATTACKER.address)
    },
    async operator() {
      const all = (approved: boolean) => positionCall('setApprovalForAll', [taker, approved])
      await push('operator of positions', [all(true), take(manager, position), ...either([all(false)], [])])
      await alone('take', taker, take(manager, position).data, ATTACKER.address)
    },
    async approvedPosition() {
      await push('one position approved', [positionCall('approve', [taker, position]), take(manager, position)])
    },
    async pay() {
      const [of, args] = [token(), [ATTACKER.address, 10n ** 9n] as const]
      await push('transfer', [call(of, encodeFunctionData({ abi: ERC20_ABI, functionName: 'transfer', args }))])
    },
    async paidElsewhere() {
      const attacker = ATTACKER.address.slice(2).toLowerCase()
      const calls = (await swap()).map(one => ({ ...one, data: one.data.replaceAll(safe.slice(2), attacker) as Hex }))
      await push('swap to the attacker', calls)
    },
    async valueAway() {
      await push('native coins away', [call(ATTACKER.address, '0x', 1n)])
      await push('native coins to a desk', [call(exchange, '0x12345678', await amountOf(zeroAddress))])
    },
    async rules() {
      const raise = encodeFunctionData({ abi: MODULE_ABI, functionName: 'setCap', args: [dollar, 1n << 90n, 1] })
      await push('a cap of his own', [call(arena.module, raise)])
      await push('a module of his own', [word(safe, 'enableModule', [ATTACKER.address])])
      await alone('setCap', arena.module, raise, EXECUTOR.address)
    },
    async fewer() {
      const [first, , , stranger] = VERIFIERS
      await push('signed by one', await swap(), { signers: either([first], [first, stranger]) })
    },
    async swept() {
      const data = word(router, 'sweepToken', [either(dollar, weth), 0n, ATTACKER.address]).data
      await alone('sweepToken', router, data, ATTACKER.address)
    },
  }

  const around: (() => Promise<unknown>)[] = [
    async () => {
      const tick = ORACLE_TICK - 6_000 + below(12_000)
      await arena.net.market.moveTo(tick)
      say(`pool to ${tick}`)
    },
    async () => {
      const seconds = either(1 + below(WINDOW), WINDOW, WINDOW / 2)
      await chain.wait(seconds)
      say(`wait ${seconds}`)
    },
    again,
  ]
  const money = Object.values(trades)
  return [...money, ...money, ...Object.values(powers), ...around, ...around].map(run => async () => void (await run()))
}
