import type { Command } from 'commander'
import { createPrinter, printJson } from './lib/output.ts'

/** `warrant doctor`. */
export function doctorCommand(program: Command): void {
  program
    .command('doctor')
    .option('--rpc <url>', 'also check a chain, and what its node can do')
    .option(
      '--module <address>',
      "and the WarrantModule there: its code, Safe, guard, every other way in; the policy's if left out",
    )
    .option('--policy <file>', 'and that it enforces this policy: digest, every rule, payee and approver')
    .option('--config <file>', "and every cap, limit, spender, verifier and the guardian of the DAO's configuration")
    .option('--redis <url>', 'also check a Redis')
    .option('--json', 'one JSON document on stdout')
    .description(
      'Check this machine, and a treasury: what would stop you later. Exit 0 all well, 1 something is not, 2 could not run.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  warrant doctor\n  warrant doctor --rpc URL --module 0x… --policy policy.yaml\n  warrant doctor --rpc URL --config treasury.yaml',
    )
    .action(
      async (options: {
        rpc?: string
        module?: string
        policy?: string
        config?: string
        redis?: string
        json?: boolean
      }) => {
        const { examine } = await import('./lib/examine.ts')
        const checks = await examine(options)
        if (options.json) printJson({ ok: checks.every(c => c.ok), checks })
        else
          for (const { what, ok, detail } of checks)
            createPrinter(false)(`${ok ? 'ok  ' : 'FAIL'}  ${what.padEnd(22)} ${detail}`)
        process.exitCode = checks.every(c => c.ok) ? 0 : 1
      },
    )
}
