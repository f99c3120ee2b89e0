import type { Command } from 'commander'
import { createPrinter, printJson } from './lib/output.ts'

/** `warrant show`. */
export function showCommand(program: Command): void {
  program
    .command('show')
    .argument('<file>', 'a .warrant file')
    .option(
      '--vkey <key>',
      "the log's verification key, from somewhere you trust; without it the file's own, which pins nothing",
    )
    .option('--json', 'one JSON document on stdout')
    .description('Verify one decision offline and tell its story. Exit 0 clean, 1 evidence fails, 2 could not run.')
    .addHelpText('after', '\nExample:\n  warrant show 12.warrant --vkey "$(cat trusted.vkey)"')
    .action(async (file: string, options: { vkey?: string; json?: boolean }) => {
      const { showWarrant } = await import('./lib/showWarrant.ts')
      const { report, page, pinned } = await showWarrant(file, options.vkey)
      if (options.json) printJson({ ...report, checkpoint: report.checkpoint?.size ?? null, keyPinned: pinned })
      else {
        const print = createPrinter(false)
        for (const { where, reason } of report.findings) print(`FAIL  ${where}: ${reason}`)
        for (const line of page ?? []) print(line)
      }
      process.exitCode = report.ok ? 0 : 1
    })
}
