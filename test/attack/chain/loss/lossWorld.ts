import { type Hex, parseAbi, toFunctionSelector, zeroAddress } from 'viem'
import { SELECTORS } from '#runtime/chain/adoption/selectors.ts'
import type { Artifact } from '#runtime/chain/artifacts.ts'
import type { Devnet } from '#runtime/chain/devnet/startDevnet.ts'
import { APPROVER, type Arena, createArena, VERIFIERS } from '../arena.ts'
import { mintPosition, positions } from '../attacks/positions.ts'
import { type FastChain, openFastChain } from './fastChain.ts'
import type { Limit } from './limit.ts'

export const WINDOW = 3_600
/** The oracle's price: what everything is valued at, wherever the attacker pushes the pool. */
export const ORACLE_TICK = 200_000
/** What somebody with the keys of two of three verifiers meets: two are enough, up to a limit of the few. */
export const COLLUDING = VERIFIERS.slice(0, 2)

export const POSITIONS_ABI = parseAbi([
  'struct Mint { address token0; address token1; uint24 fee; int24 tickLower; int24 tickUpper; uint256 amount0Desired; uint256 amount1Desired; uint256 amount0Min; uint256 amount1Min; address recipient; uint256 deadline; }',
  'struct Decrease { uint256 tokenId; uint128 liquidity; uint256 amount0Min; uint256 amount1Min; uint256 deadline; }',
  'struct Collect { uint256 tokenId; address recipient; uint128 amount0Max; uint128 amount1Max; }',
  'function mint(Mint params) payable returns (uint256, uint128, uint256, uint256)',
  'function decreaseLiquidity(Decrease params) payable returns (uint256, uint256)',
  'function collect(Collect params) payable returns (uint256, uint256)',
  'function setApprovalForAll(address operator, bool approved)',
  'function approve(address to, uint256 tokenId)',
  'function isApprovedForAll(address owner, address operator) view returns (bool)',
])

/** A treasury that has everything a module measures, each with a cap of its own. */
export type LossWorld = {
  arena: Arena
  chain: FastChain
  /** Uniswap's position manager: an asset in units of liquidity. */
  manager: Hex
  /** A lending pool: an asset in units of debt. */
  pool: Hex
  permit2: Hex
  /** The attacker's contract. */
  taker: Hex
  /** The id of the treasury's position. */
  position: bigint
  /** By asset, lower case: every limit that holds for somebody without approvers and with two verifiers' keys. */
  limits: ReadonlyMap<Hex, readonly Limit[]>
  /** Of spenders whom the owners list, who take from nobody but their caller; 2: one may keep an allowance; 0: not listed. */
  spenderLevel(token: Hex, spender: Hex): 0 | 1 | 2
}

const selector = (signature: string) => toFunctionSelector(signature)

/** The world of the attacker's sequences, under contracts that may lack a defence. */
export async function openLossWorld(net: Devnet, artifact: (name: string) => Artifact): Promise<LossWorld> {
  const arena = await createArena(net, artifact)
  const { dollar, weth, evil, exchange, router } = arena
  const manager = await positions(arena)
  const position = await mintPosition(arena, manager)
  for (const token of [dollar, weth]) await arena.asOwners(token, arena.approve(token, manager, 0n).data)
  const pool = await arena.deploy('LendingPool', [dollar, 10n ** 15n])
  await net.market.mintDollars(pool, 10n ** 12n)
  const [permit2, taker] = [await arena.deploy('Permit2'), await arena.deploy('Taker')]
  await arena.asOwners(evil, arena.encode('HostileToken', 'approve', [permit2, 10n ** 30n]))

  const verifiers = VERIFIERS.slice(0, 3).map(({ address }) => address)
  await arena.configure('setVerifiers', [verifiers, 2n])
  await arena.configure('setApprovers', [[APPROVER.address], 1n])
  await arena.configure('setAssets', [[zeroAddress, dollar, weth, evil, manager, pool]])

  const eth = 10n ** 18n
  const caps: [Hex, Limit][] = [
    [zeroAddress, { amount: 2n * eth, window: WINDOW }],
    [dollar, { amount: 5_000n * 10n ** 6n, window: WINDOW }],
    [weth, { amount: 2n * eth, window: WINDOW }],
    [evil, { amount: 5n * eth, window: 2 * WINDOW }],
    [manager, { amount: 10n ** 13n, window: WINDOW }],
    [pool, { amount: 1_000n * 10n ** 6n, window: WINDOW }],
  ]
  for (const [asset, { amount, window }] of caps) await arena.configure('setCap', [asset, amount, window])
  // Beyond these, approvers or a third verifier must sign: the attacker has neither.
  const unapproved: Limit = { amount: eth, window: WINDOW }
  const byFew: Limit = { amount: 4n * eth, window: WINDOW }
  await arena.configure('setApprovalLimit', [weth, unapproved.amount, unapproved.window])
  await arena.configure('setVerifierLimit', [evil, byFew.amount, byFew.window, 3])

  await arena.allow(router, '0x414bf389', 4, { maxValue: eth })
  await arena.allow(weth, selector('deposit()'), 0, { maxValue: eth })
  await arena.allow(weth, selector('withdraw(uint256)'))
  await arena.allow(evil, selector('increaseAllowance(address,uint256)'))
  await arena.allow(taker, selector('take(address,address,address,uint256)'))
  await arena.allow(taker, selector('takeThrough(address,address,address,address,uint160)'))
  await arena.allow(permit2, selector('approve(address,address,uint160,uint48)'))
  await arena.allow(manager, selector('setApprovalForAll(address,bool)'))
  await arena.allow(manager, selector('approve(address,uint256)'))
  await arena.allow(manager, SELECTORS.mint as Hex, 10)
  await arena.allow(manager, SELECTORS.decreaseLiquidity as Hex, 0, { amountWord: 2 })
  await arena.allow(manager, SELECTORS.collect as Hex, 2)
  await arena.allow(pool, selector('borrow(uint256,address)'), 2, { amountWord: 1 })

  const spenders: [Hex, Hex, 1 | 2][] = [
    [dollar, router, 1],
    [weth, router, 1],
    [dollar, exchange, 2],
    [weth, exchange, 1],
    [evil, exchange, 1],
    [dollar, manager, 1],
    [weth, manager, 1],
  ]
  for (const setting of spenders) await arena.configure('setSpender', setting)
  await net.market.moveTo(ORACLE_TICK)
  return {
    ...{ arena, chain: await openFastChain(net), manager, pool, permit2, taker, position },
    limits: new Map(
      caps.map(([asset, cap]) => [
        asset,
        [cap, ...(asset === weth ? [unapproved] : []), ...(asset === evil ? [byFew] : [])],
      ]),
    ),
    spenderLevel: (token, spender) =>
      spenders.find(([listed, by]) => listed === token && by === spender.toLowerCase())?.[2] ?? 0,
  }
}
