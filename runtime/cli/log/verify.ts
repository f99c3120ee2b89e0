import type { Command } from 'commander'
import { RULES, type RuleId } from '#verifier/audit/rules/ruleList.ts'
import { createPrinter, printJson } from '../lib/output.ts'

type Options = { vkey?: string; quorum?: string; tree?: boolean; json?: boolean }

/** `warrant log verify`. */
export function registerVerify(log: Command): void {
  log
    .command('verify')
    .argument('<where>', "a log's directory, a bundle of it, or the URL that serves it")
    .option(
      '--vkey <key>',
      "the log's verification key, from somewhere you trust; without it the key beside the log is taken, which pins nothing",
    )
    .option('--quorum <file>', 'demand the cosignatures of witnesses: lines `witness NAME VKEY` and `quorum NAME`')
    .option('--tree', 'the tree alone, on every core, its entries unread: for logs that hold other records than these')
    .option('--json', 'one JSON document on stdout')
    .description(
      'Verify every byte: tree, checkpoint, records, signatures, blobs. Exit 0 clean, 1 evidence fails, 2 could not run.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  warrant log verify runs/demo/log --vkey "$(cat trusted.vkey)"\n  warrant log verify demo.bundle\n  warrant log verify http://127.0.0.1:8080',
    )
    .action(async (where: string, options: Options) => {
      const { verifyLogAt } = await import('../lib/verifyLogAt.ts')
      const { whatIsNotSeen } = await import('../lib/whatIsNotSeen.ts')
      const { report, key, pinned, range } = await verifyLogAt(where, options)
      if (options.json) printJson({ ...report, key, keyPinned: pinned, witnessed: options.quorum !== undefined, range })
      else {
        const print = createPrinter(false)
        for (const { where: at, reason, rule } of report.findings)
          print(`FAIL  ${at}: ${reason}${rule === undefined ? '' : ` (${rule}: ${RULES[rule as RuleId]})`}`)
        const kinds = Object.entries(report.records).map(([kind, n]) => `${n} ${kind}`)
        print(
          `${report.ok ? 'ok  ' : 'FAIL'}  ${report.origin ?? where}: ${report.size} entries, root ${report.root ?? 'unknown'}`,
        )
        if (options.tree) print('      the tree alone: what the entries say was not read')
        else print(`      ${kinds.join(', ')}; ${report.blobs.present} blobs`)
        if (report.blobs.retired.length > 0)
          print(
            `      ${report.blobs.retired.length} payloads are retired: the log is whole, and says that it no longer keeps them`,
          )
        if (range !== null)
          print(`      entries ${range.from} to ${range.to} alone: what they refer to outside of it was not followed`)
        for (const { runId, requests, proposals, submissions } of report.open)
          print(
            `      run ${runId} goes on, or was cut off: ${requests} requests, ${proposals} proposals, ${submissions} submissions without an end`,
          )
        if (key !== null)
          for (const line of whatIsNotSeen({ key, isPinned: pinned, isWitnessed: options.quorum !== undefined }))
            print(`      ${line}`)
      }
      process.exitCode = report.ok ? 0 : 1
    })
}
