import type { Command } from 'commander'
import { createPrinter, printJson } from '../lib/output.ts'

/** `warrant keys show`. */
export function registerShow(keys: Command): void {
  keys
    .command('show')
    .argument('<file>', 'a key file, an encrypted keystore, env:NAME, or a remote signer as URL#0xADDRESS')
    .option('--name <name>', 'the name of the log or witness whose key it is: its verification key is printed, too')
    .option('--json', 'one JSON document on stdout')
    .description(
      'Print the public part of a key: address, public key, verification key. A keystore opens with WARRANT_KEYSTORE_PASSPHRASE.',
    )
    .addHelpText('after', '\nExample:\n  warrant keys show log.key --name example.org/treasury')
    .action(async (file: string, options: { name?: string; json?: boolean }) => {
      const { showKey } = await import('../lib/showKey.ts')
      const shown = await showKey(file, options)
      if (options.json) return printJson(shown)
      const print = createPrinter(false)
      for (const [field, value] of Object.entries(shown)) if (value !== null) print(`${field.padEnd(12)} ${value}`)
    })
}
