import type { Command } from 'commander'
import { createPrinter, createProgress, printJson } from './lib/output.ts'

/** `warrant run`. */
export function runCommand(program: Command): void {
  program
    .command('run')
    .description(
      'Run a strategy from a configuration: on paper, unless --live is given. Ends cleanly on SIGTERM: the tick in hand is finished, the log closed. Exit 0 clean, 1 what verifiers approved was not sent, 2 could not run.',
    )
    .requiredOption('--config <file>', 'configuration (YAML or JSON), see warrant init')
    .option('--live', 'propose to the treasury of the configuration, with its real verifiers, module and money')
    .option('--json', 'one JSON document on stdout')
    .addHelpText(
      'after',
      '\nExamples:\n  warrant run --config my-strategy/warrant.yaml\n  warrant run --config treasury.yaml --live',
    )
    .action(async (options: { config: string; live?: boolean; json?: boolean }) => {
      const { runFromConfig } = await import('./lib/runFromConfig.ts')
      const say = createPrinter(options.json === true)
      let progress: ReturnType<typeof createProgress> | null = null
      const report = await runFromConfig(options.config, options.live === true, {
        say,
        onTick(done, total) {
          progress ??= createProgress('decision', total)
          progress.step(done)
        },
      })
      for (const { words, times } of report.refused) say(`not sent, ${times} of the approved: ${words}`)
      if (report.refused.some(({ isStanding }) => isStanding)) process.exitCode = 1
      if (options.json) printJson(report)
      else
        say(
          `${report.mode}: ${report.decisions} decisions, ${report.holds} holds, ${report.missed} missed, ${report.trades} trades; ended because ${report.ended}; log in ${report.log.dir}`,
        )
    })
}
