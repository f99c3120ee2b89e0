import type { Command } from 'commander'
import { createPrinter, printJson } from './lib/output.ts'

/** `warrant approve`. */
export function approveCommand(program: Command): void {
  program
    .command('approve')
    .argument('<request>', 'the request: a file that the agent wrote for its approvers')
    .requiredOption('--key <file>', "the approver's key: 0x and 64 hex digits, mode 0600; or an encrypted keystore")
    .option('--reject <reason>', 'say no instead')
    .option('--yes', 'do not ask again: the contents were read')
    .option('--json', 'one JSON document on stdout')
    .description(
      'Read what an agent proposes, in words and as calls, and sign an answer (EIP-712) beside the request. Exit 0 signed, 2 not.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  warrant approve approvals/3f….json --key me.key\n  warrant approve approvals/3f….json --key me.key --reject "too large"',
    )
    .action(async (file: string, options: { key: string; reject?: string; yes?: boolean; json?: boolean }) => {
      const { approveRequest } = await import('./lib/approveRequest.ts')
      const print = createPrinter(options.json === true)
      const report = await approveRequest(file, {
        key: options.key,
        reject: options.reject ?? null,
        isSure: options.yes === true,
        print,
      })
      if (options.json) printJson(report)
      else print(`${report.answer}: ${report.file}`)
    })
}
