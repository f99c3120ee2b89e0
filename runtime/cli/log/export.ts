import type { Command } from 'commander'
import { complain, printJson } from '../lib/output.ts'

type Options = { out: string; from?: string; to?: string; decision?: string; json?: boolean }

/** `warrant log export`. */
export function registerExport(log: Command): void {
  log
    .command('export')
    .argument('<dir>', "the log's directory")
    .requiredOption('--out <file>', 'where to write; an existing file is refused')
    .option('--from <index>', 'first entry; without it the whole log')
    .option('--to <index>', 'end, exclusive')
    .option('--decision <what>', 'one decision as a .warrant file: its tick, a leaf hash, or its transaction')
    .option('--json', 'one JSON document on stdout')
    .description('One file that verifies offline: the log as a bundle (a tar archive), or one decision as a .warrant.')
    .addHelpText(
      'after',
      '\nExamples:\n  warrant log export runs/demo/log --out demo.bundle\n  warrant log export runs/demo/log --decision 12 --out 12.warrant',
    )
    .action(async (dir: string, options: Options) => {
      const { exportLog } = await import('../lib/exportLog.ts')
      const done = await exportLog(dir, options)
      if (options.json) printJson(done)
      else complain(`${options.out}: ${JSON.stringify(done)}`)
    })
}
