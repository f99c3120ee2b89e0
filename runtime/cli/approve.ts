import type { Command } from 'commander'
import { createPrinter, printJson } from './lib/output.ts'

/** `warrant approve`. */
export function approveCommand(program: Command): void {
  program
    .command('approve')
    .argument('<request>', 'the request: a file that the agent wrote for its approvers')
    .option('--key <file>', "the approver's key: a key or keystore file, env:NAME, or a remote signer as URL#0xADDRESS")
    .option(
      '--contract <address>',
      'a contract approves (ERC-1271): a Safe, whose only needed owner is --key, or with:',
    )
    .option('--signature <hex>', "the contract's own signature of --typed-data, such as a Safe's app makes it")
    .option('--policy <file>', 'your copy of the policy: the names and decimals shown are then those that you know')
    .option('--rpc <url>', 'your own node: the policy in force, the price now, a trial run; needed for a contract')
    .option('--typed-data', 'print what a wallet signs to approve (eth_signTypedData_v4), and sign nothing')
    .option('--reject <reason>', 'say no instead')
    .option('--yes', 'do not ask again: the contents were read')
    .option('--json', 'one JSON document on stdout')
    .description(
      'Read what an agent proposes, in words and as calls, and sign an answer (EIP-712) beside the request. Exit 0 signed, 2 not.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  warrant approve approvals/3f….json --key me.key --policy policy.yaml --rpc https://my.node\n  warrant approve approvals/3f….json --contract 0xSAFE --key owner.key --rpc https://my.node\n  warrant approve approvals/3f….json --key me.key --reject "too large"',
    )
    .action(async (file: string, options: Options) => {
      const { approveRequest, typedDataOf } = await import('./lib/approveRequest.ts')
      if (options.typedData === true) return printJson(typedDataOf(file))
      const print = createPrinter(options.json === true)
      const { key, contract, signature, reject, policy, rpc } = options
      const report = await approveRequest(file, {
        key: key ?? null,
        contract: contract ?? null,
        signature: signature ?? null,
        reject: reject ?? null,
        policy: policy ?? null,
        rpc: rpc ?? null,
        isSure: options.yes === true,
        print,
      })
      if (options.json) printJson(report)
      else print(`${report.answer}: ${report.file}`)
    })
}

type Options = {
  key?: string
  contract?: string
  signature?: string
  policy?: string
  rpc?: string
  typedData?: boolean
  reject?: string
  yes?: boolean
  json?: boolean
}
