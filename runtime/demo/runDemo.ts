import { resolve } from 'node:path'
import { runTick } from '#agents/cycle/runTick.ts'
import { createChainPort } from '#runtime/chain/createChainPort.ts'
import { auditLog } from '#runtime/cli/lib/auditLog.ts'
import { newDirectory } from '#runtime/cli/lib/backtest.ts'
import { replayLog } from '#runtime/cli/lib/replayLog.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { barsAt, type Schedule, scheduleOf } from '#runtime/market/bars.ts'
import { chainBalances } from '#runtime/market/observer.ts'
import { type MarketSource, openSource } from '#runtime/market/openSource.ts'
import { AGENT, loadStrategy, strategyEntry } from '#runtime/run/openRun.ts'
import type { ReplayReport } from '#verifier/replay/replayLog.ts'
import { ATTACK_TICKS, attackWorker, loadGreedy, type Refusal, runAttacks } from './attacks/runAttacks.ts'
import { createDemoWorld } from './demoWorld.ts'
import { type Holdings, type ProfitAndLoss, profitAndLoss } from './profitAndLoss.ts'

export type DemoOptions = { data?: string | undefined; decisions: number; seed: string; out?: string | undefined }

export type DemoReport = {
  decisions: number
  holds: number
  missed: number
  modelCalls: number
  proofs: Record<string, number>
  proposals: number
  approved: number
  denied: number
  executed: number
  audited: number
  refusals: Refusal[]
  log: { dir: string; size: number; root: string; vkey: string }
  chain: { chainId: number; safe: string; module: string; guard: string | null }
  pnl: ProfitAndLoss
  replay: { identical: number; diverged: number }
  audit: { matched: number; unexplained: number }
  market: { source: string; simulated: boolean; from: string; to: string; missingMinutes: number }
  elapsedMs: number
}

export type DemoListener = {
  say(line: string): void
  progress(done: number, total: number, note: string): void
}

const STRATEGY = 'trend-follower'

/**
 * The demo: a guarded agent trades a market on a real local chain, attacks are tried and refused, and the log that is
 * left is verified, replayed and audited.
 *
 * @throws BAD_INPUT for an output directory that is not empty, BAD_DATA, CHAIN_FAILED
 */
export async function runDemo(
  options: DemoOptions,
  { say, progress }: DemoListener,
): Promise<{ report: DemoReport; ok: boolean; close: () => Promise<void>; chainUrl: string }> {
  const startedMs = performance.now()
  const dir = newDirectory(options.out)
  const [strategy, greedy] = await Promise.all([loadStrategy(strategyEntry(STRATEGY)), loadGreedy()])
  const { intervalSeconds, window } = strategy.sandboxed.manifest.market
  const marketSource: MarketSource =
    options.data === undefined
      ? {
          simulated: {
            seed: options.seed,
            minutes: ((options.decisions + ATTACK_TICKS + window + 1) * intervalSeconds) / 60,
          },
        }
      : { data: resolve(options.data) }
  const source = openSource(marketSource)
  const schedule = scheduleOf(source, { intervalSeconds, window, decisions: options.decisions + ATTACK_TICKS })
  say(`Market     ${source.name}${source.simulated ? ' — SIMULATED: it proves nothing about the strategy' : ''}`)
  say(
    `           ${options.decisions} decisions, one per ${intervalSeconds / 60} minutes from ${iso(schedule, 0)} to ${iso(schedule, options.decisions - 1)}${source.missing > 0 ? `; ${source.missing} minutes missing in the data` : ''}`,
  )

  const world = await createDemoWorld({
    dir,
    seed: options.seed,
    source,
    marketSource,
    schedule,
    strategy,
    otherStrategies: [{ digest: greedy.bundle.digest, params: greedy.paramsDigest }],
    otherWorkers: [attackWorker(dir)],
    otherClients: [],
  })
  try {
    const { devnet, log } = world
    say(
      `Treasury   Safe 1.5 ${devnet.chain.safe} on a local chain: 2-of-3 owners; agents only through WarrantModule ${devnet.chain.module}`,
    )
    say(
      `Verifier   ${world.verifier.ready.address} in its own process (${world.verifier.pid}), with its own key, journal and market data`,
    )
    say('')
    const run = await world.run(strategy)
    const counts = { decisions: 0, holds: 0, missed: 0, proposals: 0, approved: 0, denied: 0, executed: 0, audited: 0 }
    let holdings: { start: Holdings | null; end: Holdings | null } = { start: null, end: null }

    for (let tick = 0; tick < options.decisions; tick++) {
      await world.moveMarketTo(tick)
      const { result } = await runTick(
        {
          agent: AGENT,
          crypto: nodeCrypto,
          log: run.opened.appenders.agent,
          strategy: strategy.sandboxed,
          identity: { strategy: strategy.bundle.digest, params: strategy.paramsDigest },
          observe: async at => {
            const seen = await run.observe(at)
            holdings.start ??= seen.observation.view
            return seen
          },
          infer: run.opened.gateway.infer,
          async settle(decision, at) {
            counts.proposals++
            const { verdicts, outcome } = await run.treasury.settle(decision, at)
            if (verdicts.every(v => v.answer === 'approve')) counts.approved++
            else counts.denied++
            if (outcome?.status === 'success') counts.executed++
            if (outcome?.checks.every(check => check.ok)) counts.audited++
          },
          durable: true,
        },
        tick,
      )
      counts.decisions++
      if (result.type === 'hold') counts.holds++
      if (result.type === 'missed') counts.missed++
      progress(tick + 1, options.decisions, `${counts.executed} executed, ${counts.denied} denied`)
    }
    const { balances } = await chainBalances(createChainPort(devnet.url), devnet.chain)()
    holdings = { ...holdings, end: { balances, bars: barsAt(schedule, options.decisions) } }
    say(
      `Decided    ${counts.decisions} times: ${counts.proposals} proposals, ${counts.holds} holds, ${counts.missed} missed; ${run.opened.gateway.requests} model calls, each numbered, logged before dispatch and signed`,
    )
    say(
      `Verified   ${counts.approved} approved, ${counts.denied} denied; ${counts.executed} executed on chain, ${counts.audited} audited afterwards`,
    )

    say('')
    say('Attacks, each by the one who would hold that key:')
    const { refusals, proposals, denied } = await runAttacks({
      world,
      run,
      strategy,
      greedy,
      firstTick: options.decisions,
      decisions: counts.decisions,
    })
    for (const { attack, caughtBy, reason } of refusals) {
      say(`  ✓ ${attack}`)
      say(`      caught by ${caughtBy}: ${reason}`)
    }
    counts.proposals += proposals
    counts.denied += denied

    await world.log.close()
    const replay = await replayLog(world.logDir, { vkey: log.vkey })
    const audit = await auditLog({ dir: world.logDir, rpc: devnet.url, vkey: log.vkey })
    const pnl = profitAndLoss(holdings.start, holdings.end)
    const report: DemoReport = {
      ...counts,
      modelCalls: run.opened.gateway.requests,
      proofs: provenBy(replay.proofs),
      refusals,
      log: { dir: world.logDir, size: log.size, root: log.root, vkey: log.vkey },
      chain: {
        chainId: devnet.chain.chainId,
        safe: devnet.chain.safe,
        module: devnet.chain.module,
        guard: devnet.chain.guard,
      },
      pnl,
      replay: { identical: replay.identical, diverged: replay.diverged + replay.findings.length },
      audit: { matched: audit.matched, unexplained: audit.unexplained.length + audit.findings.length },
      market: {
        source: source.name,
        simulated: source.simulated,
        from: iso(schedule, 0),
        to: iso(schedule, options.decisions - 1),
        missingMinutes: source.missing,
      },
      elapsedMs: Math.round(performance.now() - startedMs),
    }
    const ok = report.replay.diverged === 0 && report.audit.unexplained === 0 && refusals.every(r => r.caught)
    const close = async () => {
      await Promise.all([strategy, greedy].map(loaded => loaded.sandboxed.close()))
      await world.close()
    }
    return { report, ok, close, chainUrl: devnet.url }
  } catch (error) {
    await Promise.all([strategy, greedy].map(loaded => loaded.sandboxed.close()))
    await world.close()
    throw error
  }
}

function iso(schedule: Schedule, tick: number): string {
  const bar = schedule.bars[tick + schedule.window - 1]
  return new Date(((bar?.timeSeconds ?? 0) + schedule.intervalSeconds) * 1_000)
    .toISOString()
    .slice(0, 16)
    .replace('T', ' ')
}

/** Answers by the kind of their proof, as the replay counted them; those of the attacks are among them. */
function provenBy(proofs: ReplayReport['proofs']): Record<string, number> {
  return Object.fromEntries(Object.entries(proofs).map(([kind, { held, unchecked }]) => [kind, held + unchecked]))
}
