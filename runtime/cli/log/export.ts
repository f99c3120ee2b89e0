import type { Command } from 'commander'
import type { ExportLogOptions } from '../lib/exportLog.ts'
import { complain, printJson } from '../lib/output.ts'
import { addFilterOptions } from '../lib/reading/filterOptions.ts'
import { addReadOptions } from '../lib/reading/readOptions.ts'

/** `warrant log export`. */
export function registerExport(log: Command): void {
  const command = log
    .command('export')
    .argument('<where>', "a log's directory, a bundle, a .warrant file, or the URL that serves a log")
    .requiredOption('--out <file>', 'where to write; an existing file is refused')
    .option('--from <index>', 'first entry of a range; without it the whole log')
    .option('--to <index>', 'end, exclusive')
    .option('--decision <what>', 'one decision as a .warrant file: its tick, a leaf hash, or its transaction')
    .option('--no-payloads', 'a .warrant without strategies and models: its decisions cannot be derived again from it')
    .option('--json', 'one JSON document on stdout')
    .description(
      'One file that verifies offline: the log as a bundle (a tar archive), or the decisions that are asked for as a .warrant.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  warrant log export runs/demo/log --out demo.bundle\n  warrant log export runs/demo/log --decision 12 --out 12.warrant\n  warrant log export runs/demo/log --answer deny --since 2026-07-01 --out denied.warrant',
    )
  addFilterOptions(addReadOptions(command)).action(
    async (where: string, options: ExportLogOptions & { json?: boolean }) => {
      const { exportLog } = await import('../lib/exportLog.ts')
      const { failuresOf, readingJson } = await import('../lib/reading/readingJson.ts')
      const { whatIsNotSeen } = await import('../lib/reading/whatIsNotSeen.ts')
      const { reading, done } = await exportLog(where, options)
      process.exitCode = done === null ? 1 : 0
      if (options.json) printJson({ ...done, ...readingJson(reading), findings: reading.report.findings })
      for (const failure of failuresOf(reading)) complain(`FAIL  ${failure}`)
      if (done === null) return complain(`nothing was written to ${options.out}`)
      if (options.json) return
      complain(`${options.out}: ${JSON.stringify(done)}`)
      for (const line of whatIsNotSeen(reading)) complain(`      ${line}`)
    },
  )
}
