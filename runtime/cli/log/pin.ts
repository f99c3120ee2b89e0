import type { Command } from 'commander'
import { complain, printJson } from '../lib/output.ts'
import { PINS } from '../lib/reading/pins.ts'

/** `warrant log pin`. */
export function registerPin(log: Command): void {
  log
    .command('pin')
    .argument(
      '<what...>',
      'verification keys of logs and witnesses; or a log, whose own key is then trusted from now on',
    )
    .option('--vkey-file <file>', 'where the keys are kept', PINS)
    .option('--json', 'one JSON document on stdout')
    .description('Keep keys that you trust, so that commands here know whose a log must be, and who its witnesses are.')
    .addHelpText('after', '\nExample:\n  warrant log pin example.org/treasury+1a2b3c4d+AWGA…')
    .action(async (what: string[], { vkeyFile, json }: { vkeyFile: string; json?: boolean }) => {
      const { pinKeys } = await import('../lib/reading/pinKeys.ts')
      const done = await pinKeys(what, vkeyFile)
      if (json) return printJson(done)
      for (const { key, from } of done.added)
        complain(
          from === null
            ? `pinned ${key} in ${done.file}`
            : `pinned ${key} in ${done.file}: as ${from} has it now: whose log it is, you must know from elsewhere`,
        )
      if (done.added.length === 0) complain(`${done.file} held all of them already`)
    })
}
