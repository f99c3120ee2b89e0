import type { Command } from 'commander'
import { createPrinter, printJson } from '../lib/output.ts'

/** `warrant log fsck`. */
export function registerFsck(log: Command): void {
  log
    .command('fsck')
    .argument('<dir>', "the log's directory, closed or left by a crash; nothing in it is changed")
    .option('--vkey <key>', "the log's verification key; without it the one beside the log")
    .option('--json', 'one JSON document on stdout')
    .description(
      'Rebuild everything from the entries (tiles, root, write-ahead log, payload index) and say what differs. Exit 0, 1 or 2.',
    )
    .addHelpText('after', '\nExample:\n  warrant log fsck runs/demo/log')
    .action(async (dir: string, options: { vkey?: string; json?: boolean }) => {
      const { fsck } = await import('../lib/fsck.ts')
      const report = await fsck(dir, options.vkey)
      if (options.json) printJson(report)
      else {
        const print = createPrinter(false)
        for (const { where, reason } of report.differs) print(`FAIL  ${where}: ${reason}`)
        print(
          `${report.differs.length === 0 ? 'ok  ' : 'FAIL'}  ${report.published} entries published, ${report.durable} durable`,
        )
        for (const note of report.notes) print(`      ${note}`)
      }
      process.exitCode = report.differs.length === 0 ? 0 : 1
    })
}
