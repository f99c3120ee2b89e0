import type { Command } from 'commander'
import { showDecimal } from '#verifier/evidence/text/money.ts'
import { showLine } from '#verifier/evidence/text/showText.ts'
import { showTime } from '#verifier/evidence/text/showTime.ts'
import { complain, createPrinter, createProgress, printJson } from './lib/output.ts'
import { showLogLine } from './lib/showLogLine.ts'

type Options = {
  data?: string
  from?: string
  to?: string
  decisions?: string
  feeBps: string
  params?: string
  seed: string
  out?: string
  html?: string
  maxMissed: string
  json?: boolean
}

/** `warrant backtest`. */
export function backtestCommand(program: Command): void {
  program
    .command('backtest')
    .argument('<strategy>', 'a built-in strategy by name, or the path of a strategy module')
    .option('--data <dir>', 'minute bars; without it a simulated market of 30 days')
    .option('--from <date>', 'first minute, YYYY-MM-DD[THH:MM], UTC')
    .option('--to <date>', 'end, exclusive')
    .option('--decisions <n>', 'at most so many decisions')
    .option('--fee-bps <bps>', "the pool's fee", '5')
    .option('--params <json>', "the strategy's parameters")
    .option('--seed <seed>', 'seed of the simulated market', '1')
    .option('--out <dir>', 'a new directory that keeps the log')
    .option('--html <file>', 'a chart page')
    .option('--max-missed <n>', 'missed ticks that a run may have: one more ends it, exit 1', '0')
    .option('--json', 'one JSON document on stdout')
    .description(
      'Run a strategy over data with the same code as live: next-bar fills, Uniswap v3 fee and price impact, a log that replays.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  warrant backtest trend-follower --data DIR --html chart.html\n  warrant backtest ./my-strategy/index.ts --from 2022-08-01 --json',
    )
    .action(async (strategy: string, options: Options) => {
      const { backtest } = await import('./lib/backtest.ts')
      const { summary, log, simulated, isFailed } = await backtest(strategy, options, {
        onTick: (done, total) => progressOf(total).step(done),
        onLog(tick, lines) {
          for (const line of lines) complain(showLogLine(tick, line))
        },
      })
      progress?.end()
      if (isFailed) process.exitCode = 1
      if (options.json) return printJson({ ...summary, simulated, log })
      const print = createPrinter(false)
      if (simulated) print('SIMULATED market: it proves nothing about the strategy')
      const row = (name: string, value: unknown) => print(`${name.padEnd(28)} ${value}`)
      row('strategy', summary.strategy)
      row('period', `${showTime(Date.parse(summary.from), 'UTC')} to ${showTime(Date.parse(summary.to), 'UTC')}`)
      row('decisions / holds / missed', `${summary.decisions} / ${summary.holds} / ${summary.missed}`)
      row('trades / not filled', `${summary.trades} / ${summary.reverted}`)
      row(
        'start → end, USDC',
        `${showDecimal(summary.startUsdc)} → ${showDecimal(summary.endUsdc)} (${summary.returnPercent} %)`,
      )
      row('holding instead, USDC', `${showDecimal(summary.holdUsdc)} (${summary.versusHoldPercent} % against it)`)
      row('largest drawdown', `${summary.maxDrawdownPercent} %`)
      row('pool fees paid, USDC', showDecimal(summary.feesUsdc))
      row('log', `${log.size} entries in ${log.dir}`)
      if (options.html !== undefined) row('chart', options.html)
      for (const [what, faults] of [
        ['missed', summary.missedBy],
        ['not filled', summary.unfilledBy],
      ] as const)
        for (const { reason, count, firstTick, firstTimeMs } of faults)
          row(
            `${what}, ${count} times`,
            `${showLine(reason)}; first at tick ${firstTick}, ${showTime(firstTimeMs, 'UTC')}`,
          )
      if (isFailed) print(`more than ${options.maxMissed} ticks were missed: the run was ended there`)
    })
}

let progress: ReturnType<typeof createProgress> | null = null
function progressOf(total: number): ReturnType<typeof createProgress> {
  progress ??= createProgress('decision', total)
  return progress
}
