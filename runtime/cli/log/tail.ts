import type { Command } from 'commander'

/** `warrant log tail`. */
export function registerTail(log: Command): void {
  log
    .command('tail')
    .argument('<where>', "a log's directory, or the URL that serves it")
    .option('--vkey <key>', "the log's verification key; without it the one beside the log")
    .option('--from <index>', 'first entry to print; by default the last ten')
    .option('--kind <kind>', 'only records of this kind')
    .option(
      '--follow',
      'go on: print what is published until stopped; a log that rewrites what was seen ends it with exit 1',
    )
    .description('Print the newest records, one a line, each checked against the checkpoint that it came with.')
    .addHelpText('after', '\nExample:\n  warrant log tail runs/demo/log --follow --kind verdict')
    .action(async (where: string, options: { vkey?: string; from?: string; kind?: string; follow?: boolean }) => {
      const { tailLog } = await import('../lib/tailLog.ts')
      process.exitCode = await tailLog(where, options)
    })
}
