import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeFunctionData, type Hex, parseAbi, toFunctionSelector } from 'viem'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runTick } from '#agents/cycle/runTick.ts'
import { MODULE_ABI } from '#runtime/chain/abi.ts'
import type { Settlement } from '#runtime/chain/createTreasury.ts'
import { type Devnet, startDevnet } from '#runtime/chain/devnet/startDevnet.ts'
import { auditLog } from '#runtime/cli/lib/auditLog.ts'
import { replayLog } from '#runtime/cli/lib/replayLog.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { AGENT } from '#runtime/run/openRun.ts'
import { amountAtTick } from '#strategies/sdk/maths/tick.ts'
import type { DecisionResult } from '#verifier/evidence/records/decision.ts'
import type { View } from '#verifier/evidence/records/observation.ts'
import { createTraderWorld, type TraderWorld } from '../fault/treasury/traderWorld.ts'
import { deployProtocols } from '../support/deployProtocols.ts'

const ADD_LIQUIDITY = 'addLiquidity(address,address,uint256,uint256,uint256,uint256,address,uint256)'

/** Provides liquidity, collects, takes half of it out, trades in the v2 pair, and calls what the policy names. */
const PROVIDER = `import { defineStrategy, z } from 'warrant'
export default defineStrategy({
  name: 'provider',
  version: '1.0.0',
  params: z.strictObject({ router: z.string(), safe: z.string(), dollar: z.string(), weth: z.string() }),
  market: { pair: { base: 'WETH', quote: 'USDC' }, intervalSeconds: 900, window: 8 },
  models: [],
  async decide(ctx) {
    const { router, safe, dollar, weth } = ctx.params
    const seen = await ctx.observe()
    const [position] = seen.positions
    const bounds = { maxSlippageBps: 90, reason: 'tick ' + seen.tick }
    switch (seen.tick) {
      case 0:
        return ctx.intent.addLiquidity({ tickLower: -887270, tickUpper: 887270, quote: 3_000_000_000n, base: seen.baseOf(3_000_000_000n), ...bounds })
      case 1:
        return ctx.intent.collectFees({ position, reason: 'fees' })
      case 2:
        return ctx.intent.removeLiquidity({ position, liquidity: position.liquidity / 2n, ...bounds })
      case 3:
        return ctx.intent.swapV2({ sell: 'USDC', buy: 'WETH', amountIn: 1_000_000_000n, maxSlippageBps: 99, reason: 'v2' })
      case 4: {
        const base = seen.baseOf(500_000_000n)
        return ctx.intent.call({
          to: router, function: '${ADD_LIQUIDITY}',
          args: [dollar, weth, '500000000', String(base), '1', '1', safe, '4000000000'],
          spends: [{ token: 'USDC', amount: 500_000_000n }, { token: 'WETH', amount: base }], reason: 'named by the policy',
        })
      }
      // What must not pass.
      case 5:
        return ctx.intent.removeLiquidity({ position, liquidity: position.liquidity, maxSlippageBps: 9_000, reason: 'for a song' })
      case 6:
        return ctx.intent.call({ to: router, function: 'sync()', args: [], gets: [{ token: 'USDC', amount: 0n }], reason: 'not named' })
      case 7:
        return ctx.intent.call({
          to: router, function: '${ADD_LIQUIDITY}',
          args: [dollar, weth, '500000000', '1000', '1', '1', router, '4000000000'],
          spends: [{ token: 'USDC', amount: 500_000_000n }], reason: 'for somebody else',
        })
      case 8:
        return ctx.intent.transfer({ token: 'DOGE', to: router, amount: 1n, reason: 'no such token' })
      default:
        return ctx.hold('done')
    }
  },
})
`

const dir = mkdtempSync(join(tmpdir(), 'warrant-protocols-'))
const rules = (positions: string, router: string): [target: string, signature: string, recipientWord: number][] => [
  [positions, 'mint((address,address,uint24,int24,int24,uint256,uint256,uint256,uint256,address,uint256))', 10],
  [positions, 'collect((uint256,address,uint128,uint128))', 2],
  [positions, 'decreaseLiquidity((uint256,uint128,uint256,uint256,uint256))', 0],
  [router, 'swapExactTokensForTokens(uint256,uint256,address[],address,uint256)', 4],
  [router, ADD_LIQUIDITY, 7],
]

/** Where things will be: a devnet with the same history has the same addresses. */
async function addresses() {
  const devnet = await startDevnet({
    ...{ startSeconds: 1_700_000_000, startTick: 200_000, threshold: 1, executor: `0x${'11'.repeat(20)}` },
    ...{ verifiers: [`0x${'22'.repeat(20)}`], treasury: { dollars: 1n, weth: 1n } },
  })
  try {
    const { router } = await deployProtocols(devnet)
    return { router, safe: devnet.chain.safe, dollar: devnet.market.dollar, weth: devnet.market.weth }
  } finally {
    await devnet.stop()
  }
}

let trader: TraderWorld
const ticks: { result: DecisionResult; view: View; settled: Settlement | null }[] = []

beforeAll(async () => {
  const params = await addresses()
  trader = await createTraderWorld(join(dir, 'world'), '7', 9, {
    ...{ text: PROVIDER, params },
    async adjustPolicy(policy, devnet) {
      const { positions, router, pair, seedPair } = await deployProtocols(devnet)
      const { dollar, weth } = devnet.market
      expect({ router, safe: devnet.chain.safe, dollar, weth }).toEqual(params)
      Object.assign(devnet.chain, { positions, uniswapV2: { router, pair } })
      for (const [target, signature, recipientWord] of rules(positions, router)) {
        const args = [
          target as Hex,
          toFunctionSelector(signature),
          { allowed: true, recipientWord, amountWord: 0, maxValue: 0n },
        ] as const
        await devnet.asOwners(
          devnet.chain.module,
          encodeFunctionData({ abi: MODULE_ABI, functionName: 'setRule', args }),
        )
      }
      for (const spender of [positions, router])
        for (const token of [dollar, weth]) {
          const args = [token, spender as Hex, 1] as const
          const data = encodeFunctionData({ abi: MODULE_ABI, functionName: 'setSpender', args })
          await devnet.asOwners(devnet.chain.module, data)
        }
      const dollars = 10_000_000_000_000n
      const [market] = policy.uniswapV3
      await seedPair(dollars, amountAtTick(await startTick(devnet), 'quote', dollars))
      return {
        ...policy,
        uniswapV3: market === undefined ? [] : [{ ...market, positions }],
        uniswapV2: [{ router, pair, token0: dollar, token1: weth }],
        calls: [{ to: router, function: ADD_LIQUIDITY, recipientWord: 7 }],
        limits: { ...policy.limits, cooldownSeconds: 0, tradesPerHour: 100 },
      }
    },
  })
  const { world, strategy } = trader
  const run = await world.run(strategy)
  for (let tick = 0; tick < 9; tick++) {
    await world.moveMarketTo(tick)
    let view: View | null = null
    let settled: Settlement | null = null
    const { result } = await runTick(
      {
        ...{ agent: AGENT, crypto: nodeCrypto, log: run.opened.appenders.agent, strategy: strategy.sandboxed },
        identity: { strategy: strategy.bundle.digest, params: strategy.paramsDigest },
        async observe(at) {
          const seen = await run.observe(at)
          view = seen.observation.view
          return seen
        },
        infer: run.opened.gateway.infer,
        async settle(decision, at) {
          settled = await run.treasury.settle(decision, at)
        },
        durable: true,
      },
      tick,
    )
    ticks.push({ result, view: view as unknown as View, settled })
  }
  await run.opened.close('done', 9)
  await trader.release()
}, 180_000)
afterAll(async () => {
  await trader?.world.close()
  rmSync(dir, { recursive: true })
})

/** The pool's tick where the devnet starts. */
async function startTick({ client, market }: Devnet): Promise<number> {
  const abi = parseAbi(['function slot0() view returns (uint160, int24, uint16, uint16, uint16, uint8, bool)'])
  return (await client.public.readContract({ address: market.pool, abi, functionName: 'slot0' }))[1]
}

const settledAt = (tick: number) => ticks[tick]?.settled as Settlement
const denials = (tick: number) =>
  settledAt(tick).verdicts.flatMap(({ checks }) => checks.filter(({ ok }) => ok !== true).map(({ detail }) => detail))

describe('protocols of the treasury, each on its own contracts', () => {
  test('liquidity is provided: the position is the Safe’s, within the bounds, no approval is left', () => {
    expect(settledAt(0).outcome, denials(0).join()).toMatchObject({ status: 'success' })
    expect(settledAt(0).outcome?.checks.every(({ ok }) => ok)).toBe(true)
    expect(ticks[0]?.view.positions).toEqual([])
    expect(ticks[1]?.view.positions).toMatchObject([{ tickLower: -887_270, tickUpper: 887_270 }])
    expect(settledAt(0).proposal?.body.calls.length).toBe(5)
  })
  test('fees are collected, and half of the liquidity is taken out', () => {
    expect(settledAt(1).outcome, denials(1).join()).toMatchObject({ status: 'success' })
    expect(settledAt(2).outcome, denials(2).join()).toMatchObject({ status: 'success' })
    const liquidity = (tick: number) => BigInt(ticks[tick]?.view.positions?.[0]?.liquidity ?? 0)
    expect(liquidity(3)).toBe(liquidity(2) - liquidity(2) / 2n)
    const dollars = settledAt(2).outcome?.changes.find(({ asset }) => asset === 'USDC')?.change
    expect(Number(dollars)).toBeGreaterThan(1_450_000_000)
  })
  test('a trade in the v2 pair, and a call that the policy names', () => {
    expect(settledAt(3).outcome, denials(3).join()).toMatchObject({ status: 'success' })
    expect(settledAt(3).outcome?.checks.find(({ id }) => id === 'costs')?.detail).toMatch(
      /^gave \d+\.\d\d USD and got \d+\.\d\d at the oracle's price: [\d.]+ bps (lost|gained), 30 bps of it the pool's fee; \d+ gas for \d+ wei/,
    )
    expect(settledAt(4).outcome, denials(4).join()).toMatchObject({ status: 'success' })
    expect(settledAt(4).outcome?.changes.find(({ asset }) => asset === 'USDC')?.change).toMatch(/^-(49|50)\d{7}$/)
  })
  test('liquidity for a song, an unnamed call, a payment to somebody else: denied, each by its reason', () => {
    expect(denials(5).join()).toContain('the liquidity brings at least')
    expect(denials(6).join()).toContain('cannot be decoded')
    expect(denials(7).join()).toMatch(/transfers to 0x|recipient/)
    for (const tick of [5, 6, 7, 8]) expect(settledAt(tick).outcome).toBe(null)
    // What cannot even become a call ends on record, and ends nothing else.
    expect(settledAt(8)).toEqual({ proposal: null, verdicts: [], outcome: null })
  })
  test('the log replays, and the audit explains every change', async () => {
    const { world } = trader
    const logDir = world.logDir
    expect(await replayLog(logDir, { vkey: world.log.vkey })).toMatchObject({
      diverged: 0,
      findings: [],
      proposals: 7,
      refused: 1,
    })
    const audit = await auditLog({ dir: logDir, rpc: world.devnet.url, vkey: world.log.vkey })
    expect(audit).toMatchObject({ matched: 5, unexplained: [], findings: [] })
  })
  test('an operator that takes liquidity beside the module is not explained', async () => {
    const { world } = trader
    const { devnet } = world
    const manager = devnet.chain.positions as Hex
    const abi = parseAbi([
      'function setApprovalForAll(address operator, bool approved)',
      'function decreaseLiquidity((uint256 tokenId, uint128 liquidity, uint256 amount0Min, uint256 amount1Min, uint256 deadline)) payable returns (uint256, uint256)',
    ])
    await devnet.asOwners(
      manager,
      encodeFunctionData({ abi, functionName: 'setApprovalForAll', args: [devnet.deployer.address, true] }),
    )
    const tokenId = BigInt(ticks[8]?.view.positions?.[0]?.id ?? 0)
    const params = { tokenId, liquidity: 1_000n, amount0Min: 0n, amount1Min: 0n, deadline: 4_000_000_000n }
    await devnet.client.send(devnet.deployer, {
      to: manager,
      data: encodeFunctionData({ abi, functionName: 'decreaseLiquidity', args: [params] }),
    })
    const { unexplained } = await auditLog({ dir: world.logDir, rpc: devnet.url, vkey: world.log.vkey })
    expect(unexplained).toMatchObject([{ reason: expect.stringContaining(`position ${tokenId} was touched`) }])
  })

  test('positions that somebody heaps on the Safe are no alarm, and blind the audit for nothing', async () => {
    const { world } = trader
    const { client, deployer, market, chain, url } = world.devnet
    const manager = chain.positions as Hex
    const abi = parseAbi([
      'function approve(address spender, uint256 amount) returns (bool)',
      'function mint((address token0, address token1, uint24 fee, int24 tickLower, int24 tickUpper, uint256 amount0Desired, uint256 amount1Desired, uint256 amount0Min, uint256 amount1Min, address recipient, uint256 deadline)) payable returns (uint256, uint128, uint256, uint256)',
    ])
    await market.mintDollars(deployer.address, 10n ** 12n)
    await market.mintWeth(deployer.address, 10n ** 18n)
    for (const token of [market.dollar, market.weth])
      await client.send(deployer, {
        to: token,
        data: encodeFunctionData({ abi, functionName: 'approve', args: [manager, 10n ** 30n] }),
      })
    const params = {
      ...{ token0: market.dollar, token1: market.weth, fee: chain.pool.feePips },
      ...{ tickLower: -887_270, tickUpper: 887_270, amount0Desired: 10_000n, amount1Desired: 10n ** 13n },
      ...{ amount0Min: 0n, amount1Min: 0n, recipient: chain.safe as Hex, deadline: 4_000_000_000n },
    }
    const data = encodeFunctionData({ abi, functionName: 'mint', args: [params] })
    for (let i = 0; i < 64; i++) await client.send(deployer, { to: manager, data })
    const { unexplained } = await auditLog({ dir: world.logDir, rpc: url, vkey: world.log.vkey })
    // Only what the operator took before.
    expect(unexplained).toMatchObject([{ reason: expect.stringContaining('was touched') }])
    await world.devnet.asOwners(
      market.dollar,
      encodeFunctionData({
        abi: parseAbi(['function approve(address, uint256)']),
        functionName: 'approve',
        args: [deployer.address, 7n],
      }),
    )
    await client.send(deployer, {
      to: market.dollar,
      data: encodeFunctionData({
        abi: parseAbi(['function transferFrom(address, address, uint256)']),
        functionName: 'transferFrom',
        args: [chain.safe as Hex, deployer.address, 7n],
      }),
    })
    const after = await auditLog({ dir: world.logDir, rpc: url, vkey: world.log.vkey })
    expect(after.unexplained.map(({ reason }) => reason).join()).toContain('an outflow of 7 USDC')
  }, 60_000)
})
