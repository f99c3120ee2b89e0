import type { Command } from 'commander'
import { printJson } from './lib/output.ts'

/** `warrant verifier` and `warrant verifier key`. */
export function verifierCommand(program: Command): void {
  const verifier = program
    .command('verifier')
    .description('Run an independent verifier: its own key, its own RPC, its own journal.')
    .option('--config <file>', 'its configuration (JSON or YAML)')
    .option('--json', 'as it is: the one line on stdout, once it listens, is JSON')
    .addHelpText('after', '\nExamples:\n  warrant verifier key verifier.key\n  warrant verifier --config verifier.yaml')
    .action(async (options: { config?: string }) => {
      const { WarrantError } = await import('#verifier/evidence/error.ts')
      if (options.config === undefined) throw new WarrantError('BAD_INPUT', 'verifier needs --config FILE')
      const { runVerifier } = await import('./lib/runVerifier.ts')
      await runVerifier(options.config)
    })
  verifier
    .command('key')
    .argument('<file>', 'where the key goes; an existing one is kept')
    .description('Make a verifier key (mode 0600) and print its address.')
    .addHelpText('after', '\nExample:\n  warrant verifier key verifier.key')
    .action(async (file: string) => {
      const { makeKeyFile } = await import('./lib/keyFile.ts')
      printJson({ address: makeKeyFile(file) })
    })
}
