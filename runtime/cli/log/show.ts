import type { Command } from 'commander'
import { addFilterOptions } from '../lib/reading/filterOptions.ts'
import { addReadOptions } from '../lib/reading/readOptions.ts'
import type { ShowLogOptions } from '../lib/showLog.ts'

/** `warrant log show`. */
export function registerShow(log: Command): void {
  const show = log
    .command('show')
    .argument('<where>', "a log's directory, a bundle, a .warrant file, or the URL that serves a log")
    .option('--from <index>', 'first entry', '0')
    .option('--to <index>', 'end, exclusive')
    .option('--json', 'one JSON document on stdout')
    .description(
      'Verify, and print the records that are asked for, one a line. Exit 0 clean, 1 evidence fails, 2 could not run.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  warrant log show runs/demo/log --kind verdict\n  warrant log show http://127.0.0.1:8080 --kind verdict,outcome --since 2026-07-01 --value 1000..',
    )
  addFilterOptions(addReadOptions(show)).action(async (where: string, options: ShowLogOptions) => {
    const { showLog } = await import('../lib/showLog.ts')
    process.exitCode = await showLog(where, options)
  })
}
