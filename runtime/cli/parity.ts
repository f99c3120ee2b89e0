import type { Command } from 'commander'
import { createPrinter, printJson } from './lib/output.ts'

/** `warrant parity`. */
export function parityCommand(program: Command): void {
  program
    .command('parity')
    .argument('<a>', 'directory of a log')
    .argument('<b>', 'directory of another')
    .option('--json', 'one JSON document on stdout')
    .description(
      'Compare two runs decision by decision: what the strategy saw, asked and decided. Exit 0 identical, 1 not, 2 could not run.',
    )
    .addHelpText('after', '\nExample:\n  warrant parity backtest/log live/log')
    .action(async (a: string, b: string, options: { json?: boolean }) => {
      const { compareRuns } = await import('./lib/compareRuns.ts')
      const report = await compareRuns(a, b)
      if (options.json) printJson(report)
      else {
        const print = createPrinter(false)
        for (const d of report.differences) print(`tick ${d.tick}: ${d.field}: ${d.a} | ${d.b}`)
        print(
          `${report.compared} ticks compared: ${report.identical} identical, ${report.different} different; ${report.onlyInA} only in the first, ${report.onlyInB} only in the second`,
        )
      }
      process.exitCode = report.different === 0 && report.compared > 0 ? 0 : 1
    })
}
