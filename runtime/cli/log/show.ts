import type { Command } from 'commander'

/** `warrant log show`. */
export function registerShow(log: Command): void {
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
      const { showLog } = await import('../lib/showLog.ts')
      await showLog(dir, options)
    })
}
