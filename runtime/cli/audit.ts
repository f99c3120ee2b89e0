import { type Command, InvalidArgumentError } from 'commander'
import { showAddress } from '#verifier/evidence/text/showAddress.ts'
import { showText } from '#verifier/evidence/text/showText.ts'
import type { AuditReport } from './lib/auditLog.ts'
import { createPrinter, printJson } from './lib/output.ts'
import { readingJson } from './lib/reading/readingJson.ts'
import type { ReadOptions } from './lib/reading/readLog.ts'
import { addReadOptions } from './lib/reading/readOptions.ts'
import { whatIsNotSeen } from './lib/reading/whatIsNotSeen.ts'

type AuditOptions = ReadOptions & { rpc: string; safe?: string; policy?: string; from?: number; json?: boolean }

/** `warrant audit`. */
export function auditCommand(program: Command): void {
  const audit = program
    .command('audit')
    .argument('<where>', "a log's directory, a bundle, a .warrant file, or the URL that serves a log")
    .requiredOption(
      '--rpc <url>',
      'JSON-RPC of the chain, your own; an archive node where the log is older than a few minutes',
    )
    .option('--safe <address>', 'the Safe that you mean; else every one that the log names')
    .option(
      '--policy <file>',
      'the policy that you mean: its Safe, module, tokens and positions, whatever the log says',
    )
    .option('--from <block>', 'where to begin; else at the first observation of the log', blockNumber)
    .option('--json', 'one JSON document on stdout')
    .description(
      "Explain every change of the treasury by the log, the owners' signatures, or not at all, and derive every outcome anew. Exit 0 all explained, 1 not, 2 could not run or not see all.",
    )
    .addHelpText('after', '\nExample:\n  warrant audit runs/demo/log --rpc http://127.0.0.1:8545 --policy policy.yaml')
  addReadOptions(audit, { rpc: false }).action(async (dir: string, { from, ...options }: AuditOptions) => {
    const { auditLog } = await import('./lib/auditLog.ts')
    const { reading, ...report } = await auditLog({ dir, ...options, fromBlock: from })
    const fails = report.unexplained.length + report.findings.length + reading.unmet.length > 0
    if (options.json) printJson({ ...report, ...readingJson(reading), ok: !fails && report.unseen.length === 0 })
    else printReport({ reading, ...report })
    process.exitCode = fails ? 1 : report.unseen.length > 0 ? 2 : 0
  })
}

function printReport(report: AuditReport): void {
  const print = createPrinter(false)
  for (const { where, reason } of report.findings) print(`FAIL         ${showText(where)}: ${showText(reason, 600)}`)
  for (const { blockNumber, transactionHash, reason } of report.unexplained)
    print(`UNEXPLAINED  block ${blockNumber} ${transactionHash ?? ''}: ${showText(reason, 600)}`)
  for (const { blockNumber, transactionHash, reason } of report.unseen)
    print(`NOT SEEN     block ${blockNumber} ${transactionHash ?? ''}: ${showText(reason, 600)}`)
  for (const note of report.notes) print(`note         ${showText(note, 600)}`)
  for (const { fromBlock, toBlock, safe, module, matched, owners, modules, deposits, ...found } of report.treasuries)
    print(
      `blocks ${fromBlock}–${toBlock} of Safe ${showAddress(safe)}, module ${showAddress(module)}: ${matched} executions matched, ${owners} by the owners, ${modules} by other modules that the guard allows, ${deposits} deposits, ${found.unexplained.length} unexplained, ${found.unseen.length} not seen`,
    )
  for (const reason of report.reading.unmet) print(`FAIL         ${reason}`)
  for (const line of whatIsNotSeen(report.reading)) print(line)
  if (!report.pinned) print('what was audited is what the log itself names: pin it with --policy, or --safe')
}

function blockNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('must be a block number')
  return Number(text)
}
