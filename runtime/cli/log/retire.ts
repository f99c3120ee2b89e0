import type { Command } from 'commander'
import { complain, printJson } from '../lib/output.ts'

type Options = { key: string; olderThanDays: string; json?: boolean }

/** `warrant log retire`. */
export function registerRetire(log: Command): void {
  log
    .command('retire')
    .argument('<dir>', 'the directory of a closed log')
    .requiredOption('--key <file>', "the log's own key: it signs that it no longer keeps them")
    .requiredOption(
      '--older-than-days <days>',
      'drop payloads (strategy bundles, model files) named by no later record',
    )
    .option('--json', 'one JSON document on stdout')
    .description(
      'Drop old payloads. Entries, tree and every proof stay; verification says what is retired, replay needs what is not.',
    )
    .addHelpText('after', '\nExample:\n  warrant log retire runs/2024/log --key log.key --older-than-days 365')
    .action(async (dir: string, options: Options) => {
      const { retireFrom } = await import('../lib/retireFrom.ts')
      const done = await retireFrom(dir, options)
      if (options.json) printJson(done)
      else complain(`${done.retired} payloads retired, ${done.kept} kept`)
    })
}
