import type { Command } from 'commander'
import { showDecimal } from '#verifier/evidence/text/money.ts'
import { createPrinter, createProgress, printJson } from './lib/output.ts'

type Options = { data?: string; decisions: string; seed: string; out?: string; once?: boolean; json?: boolean }

/** `warrant demo`: what `npm start` runs. */
export function demoCommand(program: Command): void {
  program
    .command('demo')
    .description(
      'A guarded agent trades on a real local chain; attacks are tried and refused; the log is verified, replayed and audited.',
    )
    .option('--data <dir>', 'minute bars as demeter-fetch writes them; without it the market is simulated')
    .option('--decisions <n>', 'decisions of the agent', '200')
    .option('--seed <seed>', 'seed of the simulated market', '1')
    .option('--out <dir>', 'a new directory that keeps the log and the keys')
    .option('--once', 'end at the end, without serving the status page')
    .option('--json', 'exactly one JSON document on stdout')
    .addHelpText(
      'after',
      '\nExamples:\n  warrant demo\n  warrant demo --once --json --decisions 20\n  warrant demo --data DIR --decisions 500 --out runs/july',
    )
    .action(async (options: Options) => {
      const { WarrantError } = await import('#verifier/evidence/error.ts')
      const decisions = Number(options.decisions)
      if (!Number.isInteger(decisions) || decisions < 1 || decisions > 100_000)
        throw new WarrantError('BAD_INPUT', `--decisions must be an integer from 1 to 100000, got ${options.decisions}`)
      if (!/^[\x21-\x7e]{1,100}$/.test(options.seed))
        throw new WarrantError('BAD_INPUT', '--seed must be 1 to 100 printable characters without spaces')
      const { runDemo } = await import('#runtime/demo/runDemo.ts')
      const say = createPrinter(options.json === true)
      const progress = createProgress('decision', decisions)
      const { report, ok, close, chainUrl } = await runDemo(
        { ...options, decisions },
        { say, progress: (done, _total, note) => progress.step(done, note) },
      )
      progress.end()
      if (options.json) printJson(report)
      const { log, pnl, replay, audit } = report
      say('')
      say(
        `Result     ${showDecimal(pnl.startUsdc)} → ${showDecimal(pnl.endUsdc)} USDC (${pnl.profitPercent} %); holding would have given ${showDecimal(pnl.holdUsdc)} (${pnl.versusHoldPercent} % against it)`,
      )
      say(`Replay     ${replay.identical} decisions identical, ${replay.diverged} diverged`)
      say(`Audit      ${audit.matched} executions matched, ${audit.unexplained} changes unexplained`)
      say(`Log        ${log.size} entries in ${log.dir}`)
      say('')
      say('Check it yourself, from the files alone:')
      say(`  npx warrant log verify ${log.dir} --vkey '${log.vkey}'`)
      say(`  npx warrant replay ${log.dir} --vkey '${log.vkey}'`)
      say(`  npx warrant show ${log.dir} --vkey '${log.vkey}' --answer deny`)
      try {
        if (options.once !== true) {
          const { serveStatus } = await import('#runtime/console/serveStatus.ts')
          await serveStatus(report, url =>
            say(`Status page ${url} (the chain is still up at ${chainUrl}); Ctrl-C ends`),
          )
        }
      } finally {
        await close()
      }
      process.exitCode = ok ? 0 : 1
    })
}
