import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeFunctionData, type Hex, toFunctionSelector, zeroAddress } from 'viem'
import { afterAll, expect, test } from 'vitest'
import { MODULE_ABI } from '#runtime/chain/abi.ts'
import { LOG_ORIGIN } from '#runtime/demo/demoWorld.ts'
import { createTraderWorld } from '../fault/treasury/traderWorld.ts'
import { warrant } from '../support/warrant.ts'

const dir = mkdtempSync(join(tmpdir(), 'warrant-wrap-'))
afterAll(() => rmSync(dir, { recursive: true }))

const WRAPPER = `import { defineStrategy, z } from 'warrant'
export default defineStrategy({
  name: 'wrapper',
  version: '1.0.0',
  params: z.strictObject({ unwrap: z.boolean().default(false) }),
  market: { pair: { base: 'WETH', quote: 'USDC' }, intervalSeconds: 900, window: 8 },
  models: [],
  async decide(ctx) {
    await ctx.observe()
    const asked = { token: 'WETH', amount: 10n ** 17n, reason: 'native coins earn nothing' }
    return ctx.params.unwrap ? ctx.intent.unwrap(asked) : ctx.intent.wrap(asked)
  },
})
`

async function live(name: string, params: object, withPolicy: boolean) {
  const out = join(dir, name)
  const { world, entry, marketSource, release } = await createTraderWorld(out, '5', 6, {
    params,
    text: WRAPPER,
    // The real WETH9, as the devnet deploys it.
    adjustPolicy: policy => ({ ...policy, ...(withPolicy ? { weth: policy.tokens[1]?.address as string } : {}) }),
  })
  await release()
  const { devnet } = world
  const [dollar, weth] = devnet.chain.tokens.map(token => token.address) as [Hex, Hex]
  const configure = (functionName: 'setAssets' | 'setRule', args: unknown[]) =>
    devnet.asOwners(devnet.chain.module, encodeFunctionData({ abi: MODULE_ABI, functionName, args } as never))
  try {
    await configure('setAssets', [[zeroAddress, dollar, weth]])
    for (const selector of ['deposit()', 'withdraw(uint256)'])
      await configure('setRule', [
        weth,
        toFunctionSelector(selector),
        { allowed: true, recipientWord: 0, amountWord: 0, maxValue: 10n ** 18n },
      ])
    const safe = devnet.chain.safe as Hex
    await devnet.client.setBalance(safe, 10n ** 18n)
    await world.moveMarketTo(0)
    const treasury = {
      ...{ rpc: devnet.url, policy: join(out, 'verifier/policy.yaml'), verifiers: [world.verifier.ready.url] },
      ...{ threshold: 1, executorKey: join(out, 'keys/executor.key'), logOrigin: LOG_ORIGIN },
    }
    const config = join(dir, `${name}.yaml`)
    const given = { strategy: entry, params, market: marketSource, out, decisions: 1, treasury }
    writeFileSync(config, JSON.stringify(given))
    const run = warrant(['run', '--config', config, '--live', '--json'])
    const report = JSON.parse(run.stdout)
    const log = [join(out, 'log'), '--vkey', report.log.vkey]
    return {
      trades: report.trades,
      said: run.stderr,
      native: await devnet.client.public.getBalance({ address: safe }),
      replay: warrant(['replay', ...log]).status,
      audit: warrant(['audit', ...log, '--rpc', devnet.url]),
    }
  } finally {
    await world.close()
  }
}

test('native coins are wrapped and unwrapped through the module: bound, audited, explained', async () => {
  const wrapped = await live('wrap', {}, true)
  expect(wrapped, wrapped.said).toMatchObject({ trades: 1, native: 9n * 10n ** 17n, replay: 0, audit: { status: 0 } })
  const unwrapped = await live('unwrap', { unwrap: true }, true)
  expect(unwrapped, unwrapped.said).toMatchObject({
    trades: 1,
    native: 11n * 10n ** 17n,
    replay: 0,
    audit: { status: 0 },
  })
}, 120_000)

test('where the policy names no wrapped coin, it is denied', async () => {
  const denied = await live('denied', {}, false)
  expect(denied).toMatchObject({ trades: 0, native: 10n ** 18n })
  expect(denied.said).toContain('the policy names no wrapped native coin')
}, 60_000)
