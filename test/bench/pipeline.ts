import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { backtestToLog } from '#runtime/cli/lib/backtestToLog.ts'
import { replayLog } from '#runtime/cli/lib/replayLog.ts'
import { openSource } from '#runtime/market/openSource.ts'
import { STRATEGIES } from '#runtime/run/openRun.ts'
import { atLeast, atMost, type Figure } from './figure.ts'
import { verdictFigures } from './verdicts.ts'

const ROOT = resolve(fileURLToPath(new URL('.', import.meta.url)), '../../..')
const DATA = resolve(ROOT, '../shared/data/uniswap-v3-polygon-usdc-weth-500')

/** From observation to audited execution, and the two ways over many decisions: backtest and replay. */
export async function pipelineBench(): Promise<Figure[]> {
  const dir = mkdtempSync(join(tmpdir(), 'warrant-bench-'))
  try {
    return [
      ...(await verdictFigures(dir, { decisions: 200, p50: 50, p99: 250 })),
      ...(await backtestAndReplay(dir)),
      ...freshClone(dir),
    ]
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

async function backtestAndReplay(dir: string): Promise<Figure[]> {
  const minutes = 50_000
  const real = existsSync(DATA)
  const source = openSource(real ? { data: DATA } : { simulated: { seed: 'bench', minutes: minutes + 65 } })
  const strategy = minuteStrategy(join(dir, 'minute-trend'))
  const started = performance.now()
  const { logDir, vkey, size } = await backtestToLog({
    strategy,
    params: {},
    source,
    fromMs: null,
    toMs: null,
    decisions: minutes,
    feePips: 500,
    dir: join(dir, 'backtest'),
    seed: 'bench',
  })
  const backtestSeconds = (performance.now() - started) / 1_000
  const since = performance.now()
  const replayed = await replayLog(logDir, { vkey })
  const replaySeconds = (performance.now() - since) / 1_000
  if (replayed.diverged > 0 || replayed.findings.length > 0) throw new Error('the bench diverges in its own replay')
  const market = real ? 'real minutes' : 'simulated minutes: ../shared is absent'
  return [
    atLeast(
      'backtest-rate',
      minutes / backtestSeconds,
      'decisions/s',
      2_000,
      `${minutes} ${market} with the model, ${size} entries, sealed`,
    ),
    atLeast(
      'replay-rate',
      minutes / replaySeconds,
      'decisions/s',
      2_000,
      'every entry verified, every decision derived again',
    ),
  ]
}

/** The trend follower's model on every minute: a load, no strategy that anyone should run. Returns its module. */
function minuteStrategy(folder: string): string {
  mkdirSync(folder)
  const from = join(STRATEGIES, 'trend-follower')
  copyFileSync(join(from, 'model.onnx'), join(folder, 'trend.onnx'))
  writeFileSync(
    join(folder, 'features.js'),
    readFileSync(join(from, 'features.js'), 'utf8').replace(/'[^']*sdk[^']*'/, "'warrant/sdk'"),
  )
  const module = join(folder, 'index.js')
  writeFileSync(
    module,
    `import { defineStrategy, z } from 'warrant/sdk'
import { featuresOf } from './features.js'
export default defineStrategy({
  name: 'minute-trend', version: '1.0.0', params: z.strictObject({}), models: [{ name: 'trend' }],
  market: { pair: { base: 'WETH', quote: 'USDC' }, intervalSeconds: 60, window: 64 },
  async decide(ctx) {
    const seen = await ctx.observe()
    const [forecast] = await ctx.infer('trend', featuresOf(seen.bars))
    return ctx.hold('forecast ' + forecast.toFixed(3))
  },
})
`,
  )
  return module
}

/** A clone of the committed tree into an empty directory, and the README's first command. */
function freshClone(dir: string): Figure[] {
  const clone = join(dir, 'clone')
  const started = performance.now()
  if (spawnSync('git', ['clone', '-q', ROOT, clone]).status !== 0) return []
  const run = spawnSync('npm', ['start', '--', '--once', '--json', '--decisions', '20'], {
    cwd: clone,
    encoding: 'utf8',
  })
  if (run.status !== 0) throw new Error(`a fresh clone does not start: ${run.stderr.slice(-500)}`)
  return [
    atMost('fresh-clone-seconds', (performance.now() - started) / 1_000, 's', 180, '20 decisions, warm package cache'),
  ]
}
