import type { Command } from 'commander'
import { createPrinter, printJson } from './lib/output.ts'

/** `warrant explain`. */
export function explainCommand(program: Command): void {
  program
    .command('explain')
    .argument('<what>', 'a transaction hash, a leaf hash of any record of the decision, or its tick number')
    .requiredOption('--log <dir>', "the log's directory")
    .option('--vkey <key>', "the log's verification key, from somewhere you trust")
    .option('--json', 'one JSON document on stdout')
    .description(
      'One page on one decision: seen, asked, answered, decided, checked, proven how, assumed what, happened.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  warrant explain 12 --log runs/demo/log\n  warrant explain 0x4c67…e0 --log runs/demo/log',
    )
    .action(async (what: string, options: { log: string; vkey?: string; json?: boolean }) => {
      const { explainDecision } = await import('./lib/explainDecision.ts')
      const { explanationPage } = await import('./lib/explanationPage.ts')
      const explanation = await explainDecision(options.log, what, options.vkey)
      // What does not verify explains nothing for certain.
      process.exitCode = explanation.verified ? 0 : 1
      if (options.json) return printJson(explanation)
      const print = createPrinter(false)
      for (const line of explanationPage(explanation)) print(line)
    })
}
