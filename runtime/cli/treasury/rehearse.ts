import type { Command } from 'commander'
import { createPrinter, printJson } from '../lib/output.ts'

/** `warrant treasury rehearse`. */
export function rehearseCommand(treasury: Command): void {
  treasury
    .command('rehearse')
    .requiredOption('--config <file>', 'what the DAO decides (YAML or JSON)')
    .option('--rpc <url>', "an anvil with the treasury's chain, such as a fork; without it: a mirror of it on a devnet")
    .option('--json', 'one JSON document on stdout')
    .description(
      'Run the whole adoption on anvil: deploy, every transaction of the owners, a first trade, what must be refused, the way out. Exit 0 all as it must be, 1 not.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  warrant treasury rehearse --config treasury.yaml\n  anvil --fork-url URL & warrant treasury rehearse --config treasury.yaml --rpc http://127.0.0.1:8545',
    )
    .action(async (options: { config: string; rpc?: string; json?: boolean }) => {
      const { rehearseTreasury } = await import('../lib/adoptTreasury.ts')
      const steps = await rehearseTreasury(options.config, options.rpc ?? null)
      if (options.json) printJson({ ok: steps.every(({ ok }) => ok), steps })
      else for (const { what, ok, detail } of steps) createPrinter(false)(`${ok ? 'ok  ' : 'FAIL'}  ${what}: ${detail}`)
      process.exitCode = steps.every(({ ok }) => ok) ? 0 : 1
    })
}
