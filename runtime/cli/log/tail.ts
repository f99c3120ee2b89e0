import type { Command } from 'commander'
import type { ReadOptions } from '../lib/reading/readLog.ts'
import { addReadOptions } from '../lib/reading/readOptions.ts'

/** `warrant log tail`. */
export function registerTail(log: Command): void {
  const tail = log
    .command('tail')
    .argument('<where>', "a log's directory, a bundle, or the URL that serves it")
    .option('--from <index>', 'first entry to print; by default the last ten')
    .option('--kind <kinds>', 'only records of these kinds, with commas between')
    .option(
      '--follow',
      'go on: print what is published until stopped; a log that rewrites what was seen ends it with exit 1',
    )
    .description('Print the newest records, one a line, each checked against the checkpoint that it came with.')
    .addHelpText('after', '\nExample:\n  warrant log tail runs/demo/log --follow --kind verdict')
  addReadOptions(tail).action(
    async (where: string, options: ReadOptions & { from?: string; kind?: string; follow?: boolean }) => {
      const { tailLog } = await import('../lib/tailLog.ts')
      process.exitCode = await tailLog(where, options)
    },
  )
}
