import type { Command } from 'commander'
import { WarrantError } from '#verifier/evidence/error.ts'
import { createPrinter, printJson } from './lib/output.ts'

/** `warrant parity`. */
export function parityCommand(program: Command): void {
  program
    .command('parity')
    .argument('<a>', 'a log: its directory, a bundle, a .warrant file, or a URL')
    .argument('<b>', 'another')
    .option('--vkey <key...>', 'the keys that they must have, first and second; else those that lie beside them')
    .option('--run <n>', 'compare the n-th run of each log, from 1; without it all runs')
    .option('--json', 'one JSON document on stdout')
    .description(
      'Compare two runs decision by decision: what the strategy saw, asked and decided. Exit 0 identical, 1 not, 2 could not run.',
    )
    .addHelpText('after', '\nExample:\n  warrant parity backtest/log live/log')
    .action(async (a: string, b: string, options: { run?: string; vkey?: string[]; json?: boolean }) => {
      const { compareRuns } = await import('./lib/compareRuns.ts')
      const report = await compareRuns(a, b, { run: runOf(options.run), vkeys: options.vkey ?? [] })
      if (options.json) printJson(report)
      else {
        const print = createPrinter(false)
        for (const d of report.differences) print(`${d.time} (tick ${d.tick}): ${d.field}: ${d.a} | ${d.b}`)
        print(
          `${report.compared} decisions compared: ${report.identical} identical, ${report.different} different; ${report.onlyInA} only in the first, ${report.onlyInB} only in the second`,
        )
      }
      process.exitCode = report.compared > 0 && report.different + report.onlyInA + report.onlyInB === 0 ? 0 : 1
    })
}

function runOf(text: string | undefined): number | null {
  if (text === undefined) return null
  if (!/^[1-9]\d{0,6}$/.test(text))
    throw new WarrantError('BAD_INPUT', `--run must be a whole number from 1, got ${text}`)
  return Number(text)
}
