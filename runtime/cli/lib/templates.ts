/** What `warrant init` writes: a strategy that trades, a test that runs, a configuration and a policy to edit. */
export const TEMPLATES: Record<string, string> = {
  'index.ts': `import { defineStrategy, emaOf, z } from 'warrant/sdk'

/** Holds WETH while its price is above its own average, USDC while it is below. */
export default defineStrategy({
  name: 'my-strategy',
  version: '0.1.0',
  params: z.strictObject({
    /** Bars of the average. */
    length: z.int().min(2).max(96).default(48),
    /** Distance from the average at which it trades, in ticks (1 tick = 0.01 %). */
    band: z.int().min(0).max(5_000).default(60),
    maxSlippageBps: z.int().min(1).max(1_000).default(50),
  }),
  market: { pair: { base: 'WETH', quote: 'USDC' }, intervalSeconds: 3_600, window: 96 },
  async decide(ctx) {
    const { length, band, maxSlippageBps } = ctx.params
    const seen = await ctx.observe()
    // Ticks are quoted with USDC as token0: a lower tick is a dearer WETH.
    const above = emaOf(seen.bars.close.slice(-length), length) - seen.priceTick
    const reason = \`price is \${above.toFixed(0)} ticks above its average\`
    const [weth, usdc] = [seen.balance('WETH'), seen.balance('USDC')]
    if (above > band && usdc > 1_000_000n) {
      return ctx.intent.swap({ sell: 'USDC', buy: 'WETH', amountIn: usdc / 4n + 1n, maxSlippageBps, reason })
    }
    if (above < -band && weth > 10n ** 15n) {
      return ctx.intent.swap({ sell: 'WETH', buy: 'USDC', amountIn: weth / 4n + 1n, maxSlippageBps, reason })
    }
    return ctx.hold(reason)
  },
})
`,
  'index.test.ts': `import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decideOnce } from 'warrant/testing'
import strategy from './index.ts'

const balances = { USDC: 10_000_000_000n, WETH: 5n * 10n ** 18n }

test('a flat market is held', async () => {
  assert.equal((await decideOnce(strategy, { closes: 200_000, balances })).type, 'hold')
})

test('a rise is bought', async () => {
  const closes = Array.from({ length: 96 }, (_, i) => 200_000 - 10 * i)
  const result = await decideOnce(strategy, { closes, balances })
  assert.equal(result.type, 'intents')
})
`,
  'warrant.yaml': `# warrant run --config warrant.yaml: paper by default; live only with --live and a treasury.
strategy: ./index.ts
params: {}
market:
  # data: ../data        # a directory of minute bars as demeter-fetch writes them
  simulated: { seed: '1', minutes: 43200 }
out: ./runs/paper
`,
  'policy.yaml': `# What the agent may do with a treasury; everything else is refused. Fill in the addresses, then:
#   warrant policy check policy.yaml
version: 1
name: my treasury
chainId: 1
safe: '0x0000000000000000000000000000000000000000'
module: '0x0000000000000000000000000000000000000000'
tokens:
  - { symbol: USDC, address: '0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48', decimals: 6, usd: one }
  - { symbol: WETH, address: '0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2', decimals: 18, usd: oracle }
uniswapV3: []
recipients: []
limits:
  perTradeUsd: 10000
  rollingUsd: 50000
  rollingSeconds: 86400
  tradesPerHour: 4
  cooldownSeconds: 300
  maxSlippageBps: 100
  maxDrawdownBps: 2000
  maxConsecutiveFailures: 3
  maxValiditySeconds: 900
  gas: { perTransactionWei: '20000000000000000', perDayWei: '100000000000000000' } # 0.02 and 0.1 ETH
observation: { maxAgeSeconds: 300, toleranceTicks: 5 }
proofs:
  - { upToUsd: 100, anyOf: [[signed]] }
  - { upToUsd: null, anyOf: [[replay]] }
approvals: { aboveUsd: 5000, approvers: [], threshold: 1 }
identities: { log: [], agents: [], strategies: [], models: [], workers: [], executors: [] }
`,
  '.gitignore': `# Runs hold keys.
runs/
*.key
*.key.*
`,
  'tsconfig.json': `{
  "compilerOptions": { "target": "es2023", "module": "nodenext", "strict": true, "noEmit": true, "allowImportingTsExtensions": true, "types": ["node"] },
  "include": ["*.ts"]
}
`,
}
