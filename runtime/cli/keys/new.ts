import type { Command } from 'commander'
import { createPrinter, printJson } from '../lib/output.ts'

/** `warrant keys new`. */
export function registerNew(keys: Command): void {
  keys
    .command('new')
    .argument('<kind>', 'agent, worker, gateway, log, witness, witness-ml-dsa; verifier, executor, approver, guardian')
    .requiredOption('--out <file>', 'where it goes (mode 0600); an existing file is never overwritten')
    .option('--name <name>', 'of a log or a witness: its name, like example.org/treasury, which is part of its key')
    .option('--json', 'one JSON document on stdout')
    .description('Make a key, and print its public part. Refused where git would take the file.')
    .addHelpText(
      'after',
      '\nExamples:\n  warrant keys new verifier --out ~/verifier.key\n  warrant keys new log --name example.org/treasury --out ~/log.key',
    )
    .action(async (kind: string, options: { out: string; name?: string; json?: boolean }) => {
      const { makeKey } = await import('../lib/makeKey.ts')
      const made = makeKey(kind, options)
      if (options.json) return printJson(made)
      const { use, ...shown } = made
      const print = createPrinter(false)
      for (const [field, value] of Object.entries(shown)) print(`${field.padEnd(10)} ${value}`)
      print(`${'use'.padEnd(10)} ${use}`)
    })
}
