import type { Command } from 'commander'
import { createPrinter, printJson } from './lib/output.ts'
import type { ReadOptions } from './lib/reading/readLog.ts'
import { addReadOptions } from './lib/reading/readOptions.ts'
import type { Replayed } from './lib/replayLog.ts'

type Options = ReadOptions & { public?: boolean; runModels?: boolean; policy?: string; json?: boolean }

/** `warrant replay`. */
export function replayCommand(program: Command): void {
  const replay = program
    .command('replay')
    .argument('<where>', "a log's directory, a bundle, a .warrant file, or the URL that serves a log")
    .option(
      '--public',
      'check sealed epochs of model answers with coins that everybody derives from the log: a result that anybody can reproduce',
    )
    .option('--run-models', 'run models again where that is the proof, many requests together')
    .option('--policy <file>', 'say which proposals another policy would have denied or allowed, by rule')
    .option('--json', 'one JSON document on stdout')
    .description(
      'Derive every decision, proposal and verdict again from the log alone, and compare. Exit 0 identical, 1 diverged, 2 could not run.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  warrant replay runs/demo/log\n  warrant replay 12.warrant\n  warrant replay runs/demo/log --policy stricter.yaml',
    )
  addReadOptions(replay).action(async (where: string, options: Options) => {
    const { replayLog } = await import('./lib/replayLog.ts')
    const { readingJson } = await import('./lib/reading/readingJson.ts')
    const { whatIsNotSeen } = await import('./lib/reading/whatIsNotSeen.ts')
    const { readPolicy } = await import('#config/readPolicy.ts')
    const { counterfactualLines } = await import('./lib/counterfactualLines.ts')
    const { reading, ...report } = await replayLog(where, {
      ...options,
      isPublic: options.public === true,
      runModels: options.runModels === true,
      against: options.policy === undefined ? null : readPolicy(options.policy),
    })
    const isClean = report.diverged === 0 && report.findings.length === 0 && reading.unmet.length === 0
    if (options.json) printJson({ ...report, ...readingJson(reading), ok: isClean })
    else {
      printReplay(report, report.counterfactual === null ? [] : counterfactualLines(report.counterfactual))
      const print = createPrinter(false)
      for (const reason of reading.unmet) print(`FAIL  ${reason}`)
      for (const line of whatIsNotSeen(reading)) print(`  ${line}`)
    }
    process.exitCode = isClean ? 0 : 1
  })
}

function printReplay(report: Omit<Replayed, 'reading'>, counterfactual: readonly string[]): void {
  const print = createPrinter(false)
  for (const d of report.divergences)
    print(`DIVERGED  entry ${d.entry} ${d.field}: recorded ${d.recorded}, now ${d.rederived}`)
  for (const { where, reason } of report.findings) print(`FAIL  ${where}: ${reason}`)
  print(
    `${report.identical} decisions identical, ${report.diverged} diverged, ${report.missed} missed on record; ${report.proposals} proposals re-derived, ${report.refused} refused on record`,
  )
  print(
    `${report.verdicts.rederived} verdicts re-derived from their facts, ${report.verdicts.diverged} diverged, ${report.verdicts.recorded} as recorded`,
  )
  for (const line of counterfactual) print(line)
  for (const [kind, { held, refused, unchecked }] of Object.entries(report.proofs))
    print(
      `  proof ${kind}: ${held} hold, ${refused} refused on record, ${unchecked} not checked here${unchecked > 0 ? ' (--run-models runs the model; attestations need a policy that names platforms)' : ''}`,
    )
  for (const { epoch, root, held, refused, soundnessBits } of report.epochs)
    print(
      `  epoch ${epoch} in public: ${held} hold, ${refused.length} do not, 2^-${soundnessBits}; coins from root ${root}`,
    )
  for (const [label, fields] of Object.entries(report.labels)) print(`  ${label}: ${fields}`)
}
