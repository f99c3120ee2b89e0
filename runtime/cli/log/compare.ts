import type { Command } from 'commander'

/** `warrant log compare`. */
export function registerCompare(log: Command): void {
  log
    .command('compare')
    .argument('<log>', 'the whole log as it was shown to you: a directory, a bundle, or a URL')
    .argument(
      '<other>',
      'what others were shown: a checkpoint file, a directory, a bundle, the URL of a log or of a witness',
    )
    .requiredOption('--vkey <key>', "the log's verification key")
    .option('--out <file>', 'where to write the evidence of a split view', 'split-view.json')
    .description(
      'Find out whether a log shows different people different trees. Exit 0: one tree; 1: two, with evidence.',
    )
    .addHelpText(
      'after',
      '\nExample:\n  warrant log compare runs/demo/log http://127.0.0.1:8090 --vkey "$(cat trusted.vkey)"',
    )
    .action(async (where: string, other: string, options: { vkey: string; out: string }) => {
      const { compareViews } = await import('../lib/compareViews.ts')
      process.exitCode = await compareViews(where, other, options)
    })
}
