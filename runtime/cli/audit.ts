import type { Command } from 'commander'
import { showAddress } from '#verifier/evidence/text/showAddress.ts'
import { showText } from '#verifier/evidence/text/showText.ts'
import { createPrinter, printJson } from './lib/output.ts'

/** `warrant audit`. */
export function auditCommand(program: Command): void {
  program
    .command('audit')
    .argument('<dir>', "the log's directory")
    .requiredOption('--rpc <url>', 'JSON-RPC of the chain, your own')
    .option('--vkey <key>', "the log's verification key")
    .option('--json', 'one JSON document on stdout')
    .description(
      "Explain every balance change of the treasury by the log, the owners' signatures, or not at all. Exit 0 all explained, 1 not, 2 could not run.",
    )
    .addHelpText('after', '\nExample:\n  warrant audit runs/demo/log --rpc http://127.0.0.1:8545')
    .action(async (dir: string, options: { rpc: string; vkey?: string; json?: boolean }) => {
      const { auditLog } = await import('./lib/auditLog.ts')
      const report = await auditLog({ dir, ...options })
      if (options.json) printJson(report)
      else {
        const print = createPrinter(false)
        for (const { where, reason } of report.findings)
          print(`FAIL         ${showText(where)}: ${showText(reason, 600)}`)
        for (const { blockNumber, transactionHash, reason } of report.unexplained)
          print(`UNEXPLAINED  block ${blockNumber} ${transactionHash ?? ''}: ${showText(reason, 600)}`)
        print(
          `blocks ${report.fromBlock}–${report.toBlock} of Safe ${showAddress(report.safe)}: ${report.matched} executions matched, ${report.owners} by the owners, ${report.deposits} deposits, ${report.unexplained.length} unexplained`,
        )
      }
      process.exitCode = report.unexplained.length === 0 && report.findings.length === 0 ? 0 : 1
    })
}
