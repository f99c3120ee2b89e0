import type { Command } from 'commander'
import { createPrinter, printJson } from '../lib/output.ts'

/** `warrant treasury plan` and `warrant treasury deploy`. */
export function planCommand(treasury: Command): void {
  treasury
    .command('deploy')
    .requiredOption('--config <file>', 'what the DAO decides (YAML or JSON)')
    .requiredOption('--rpc <url>', 'JSON-RPC of the chain')
    .requiredOption('--key <signer>', 'who pays the gas; it gets no rights: a key file, env:NAME, or URL#0xADDRESS')
    .option('--json', 'one JSON document on stdout')
    .description(
      'Deploy module and guard for the Safe of the policy. They can do nothing before the owners sign the plan.',
    )
    .addHelpText('after', '\nExample:\n  warrant treasury deploy --config treasury.yaml --rpc URL --key deployer.key')
    .action(async (options: { config: string; rpc: string; key: string; json?: boolean }) => {
      const { deployTreasury } = await import('../lib/adoptTreasury.ts')
      const deployed = await deployTreasury(options.config, options.rpc, options.key)
      if (options.json) return printJson(deployed)
      const print = createPrinter(false)
      print(`module ${deployed.module}: write it into the policy`)
      print(`guard  ${deployed.guard}: write it into ${options.config}`)
    })
  treasury
    .command('plan')
    .requiredOption('--config <file>', 'what the DAO decides (YAML or JSON)')
    .option(
      '--rpc <url>',
      'check what stands on the chain, and plan only what differs from it: what to add, and what to take back',
    )
    .option('--out <file>', "write a file for the Safe's Transaction Builder")
    .option('--json', 'one JSON document on stdout: the same file')
    .description(
      'Print the transactions that the owners sign to adopt a policy, or to change to another, in words and as calldata.',
    )
    .addHelpText('after', '\nExample:\n  warrant treasury plan --config treasury.yaml --rpc URL --out adoption.json')
    .action(async (options: { config: string; rpc?: string; out?: string; json?: boolean }) => {
      const { planTreasury } = await import('../lib/adoptTreasury.ts')
      const { plan, file, checked } = await planTreasury(options.config, options.rpc ?? null, options.out ?? null)
      if (options.json) return printJson(file)
      const print = createPrinter(false)
      for (const line of checked) print(`checked: ${line}`)
      if (plan.length === 0) return print('nothing to do: the chain has what the files say')
      for (const [i, { words, to, data }] of plan.entries()) {
        print(`${i + 1}. ${words}`)
        print(`   to ${to}`)
        print(`   ${data}`)
      }
      if (options.out !== undefined) print(`written: ${options.out}`)
    })
}
