import type { Command } from 'commander'
import { createPrinter, printJson } from './lib/output.ts'

type VerifyOptions = { vkey?: string; tree?: boolean; json?: boolean }

/** `warrant log verify|show`. */
export function logCommand(program: Command): void {
  const log = program.command('log').description('Verify and read a log.')
  log
    .command('verify')
    .argument('<dir>', "the log's directory")
    .option(
      '--vkey <key>',
      "the log's verification key, from somewhere you trust; without it the key beside the log is taken, which pins nothing",
    )
    .option('--tree', 'the tree alone, on every core, its entries unread: for logs that hold other records than these')
    .option('--json', 'one JSON document on stdout')
    .description(
      'Verify every byte: tree, checkpoint, records, signatures, blobs. Exit 0 clean, 1 evidence fails, 2 could not run.',
    )
    .addHelpText('after', '\nExample:\n  warrant log verify runs/demo/log --vkey "$(cat trusted.vkey)"')
    .action(async (dir: string, options: VerifyOptions) => {
      const { verifyLogDirectory } = await import('./lib/verifyLogDirectory.ts')
      const { report, pinned } = await verifyLogDirectory(dir, options)
      if (options.json) printJson({ ...report, keyPinned: pinned })
      else {
        const print = createPrinter(false)
        for (const { where, reason } of report.findings) print(`FAIL  ${where}: ${reason}`)
        const kinds = Object.entries(report.records).map(([kind, n]) => `${n} ${kind}`)
        print(
          `${report.ok ? 'ok  ' : 'FAIL'}  ${report.origin ?? dir}: ${report.size} entries, root ${report.root ?? 'unknown'}`,
        )
        if (!options.tree) print(`      ${kinds.join(', ')}; ${report.blobs.present} blobs`)
        else print('      the tree alone: what the entries say was not read')
        if (!pinned) print('      the key was taken from beside the log: give --vkey to know whose log this is')
      }
      process.exitCode = report.ok ? 0 : 1
    })
  log
    .command('show')
    .argument('<dir>', "the log's directory")
    .option('--from <index>', 'first entry', '0')
    .option('--to <index>', 'end, exclusive')
    .option('--kind <kind>', 'only records of this kind')
    .option('--json', 'one JSON document on stdout')
    .description('Print records, one a line.')
    .addHelpText('after', '\nExample:\n  warrant log show runs/demo/log --kind verdict')
    .action(async (dir: string, options: { from: string; to?: string; kind?: string; json?: boolean }) => {
      const { showLog } = await import('./lib/showLog.ts')
      await showLog(dir, options)
    })
}
