import type { Command } from 'commander'
import { RULES, type RuleId } from '#verifier/audit/rules/ruleList.ts'
import { createPrinter, printJson } from '../lib/output.ts'
import { readingJson } from '../lib/reading/readingJson.ts'
import type { Reading, ReadOptions } from '../lib/reading/readLog.ts'
import { addReadOptions } from '../lib/reading/readOptions.ts'
import { whatIsNotSeen } from '../lib/reading/whatIsNotSeen.ts'

type Options = ReadOptions & { tree?: boolean; json?: boolean }

/** `warrant log verify`. */
export function registerVerify(log: Command): void {
  const verify = log
    .command('verify')
    .argument('<where>', "a log's directory, a bundle of it, a .warrant file, or the URL that serves it")
    .option('--tree', 'the tree alone, on every core, its entries unread: for logs that hold other records than these')
    .option('--json', 'one JSON document on stdout')
    .description(
      'Verify every byte: tree, checkpoint, records, signatures, blobs. Exit 0 clean, 1 evidence fails, 2 could not run.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  warrant log verify runs/demo/log --vkey "$(cat trusted.vkey)"\n  warrant log verify demo.bundle --require-witness 2 --quorum witnesses\n  warrant log verify http://127.0.0.1:8080',
    )
  addReadOptions(verify).action(async (where: string, options: Options) => {
    const { readLog } = await import('../lib/reading/readLog.ts')
    const reading = await readLog(where, options, undefined, options.tree ? 'tree' : 'records')
    if (options.json) printJson({ ...reading.report, ...readingJson(reading) })
    else printReading(reading, options.tree === true)
    process.exitCode = reading.ok ? 0 : 1
  })
}

function printReading(reading: Reading, isTree: boolean): void {
  const { where, report, unmet, ok } = reading
  const print = createPrinter(false)
  for (const { where: at, reason, rule } of report.findings)
    print(`FAIL  ${at}: ${reason}${rule === undefined ? '' : ` (${rule}: ${RULES[rule as RuleId]})`}`)
  for (const reason of unmet) print(`FAIL  ${reason}`)
  const kinds = Object.entries(report.records).map(([kind, n]) => `${n} ${kind}`)
  print(`${ok ? 'ok  ' : 'FAIL'}  ${report.origin ?? where}: ${report.size} entries, root ${report.root ?? 'unknown'}`)
  if (isTree) print('      the tree alone: what the entries say was not read')
  else print(`      ${kinds.join(', ')}; ${report.blobs.present} blobs`)
  if (report.blobs.retired.length > 0)
    print(
      `      ${report.blobs.retired.length} payloads are retired: the log is whole, and says that it no longer keeps them`,
    )
  for (const { runId, requests, proposals, submissions } of report.open)
    print(
      `      run ${runId} goes on, or was cut off: ${requests} requests, ${proposals} proposals, ${submissions} submissions without an end`,
    )
  for (const line of whatIsNotSeen(reading)) print(`      ${line}`)
}
