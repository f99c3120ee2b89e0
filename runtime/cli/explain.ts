import type { Command } from 'commander'
import { createPrinter, printJson } from './lib/output.ts'
import type { ReadOptions } from './lib/reading/readLog.ts'
import { addReadOptions } from './lib/reading/readOptions.ts'

/** `warrant explain`. */
export function explainCommand(program: Command): void {
  const explain = program
    .command('explain')
    .argument('<what>', 'a transaction hash, a leaf hash of any record of the decision, or its tick number')
    .requiredOption('--log <where>', "the log's directory, a bundle, a .warrant file, or the URL that serves it")
    .option('--json', 'one JSON document on stdout')
    .description(
      'One page on one decision: seen, asked, answered, decided, checked, proven how, assumed what, happened. Exit 0 clean, 1 evidence fails, 2 could not run.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  warrant explain 12 --log runs/demo/log\n  warrant explain 0x4c67…e0 --log http://127.0.0.1:8080',
    )
  addReadOptions(explain).action(async (what: string, options: ReadOptions & { log: string; json?: boolean }) => {
    const { explainDecision } = await import('./lib/explainDecision.ts')
    const { explanationPage } = await import('./lib/explanationPage.ts')
    const { failuresOf, readingJson } = await import('./lib/reading/readingJson.ts')
    const { story, reading } = await explainDecision(options.log, what, options)
    // What does not verify explains nothing for certain.
    process.exitCode = reading.ok ? 0 : 1
    const { ok: verified, findings } = reading.report
    if (options.json) return printJson({ ...story, verified, findings: findings.length, ...readingJson(reading) })
    const print = createPrinter(false)
    if (story === null) for (const failure of failuresOf(reading)) print(`FAIL  ${failure}`)
    else for (const line of explanationPage(story, reading)) print(line)
  })
}
