import type { Command } from 'commander'
import { createPrinter, printJson } from './lib/output.ts'

type ReplayOptions = { vkey?: string; public?: boolean; runModels?: boolean; policy?: string; json?: boolean }

/** `warrant replay`. */
export function replayCommand(program: Command): void {
  program
    .command('replay')
    .argument('<dir>', "the log's directory")
    .option('--vkey <key>', "the log's verification key")
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
      '\nExamples:\n  warrant replay runs/demo/log\n  warrant replay runs/demo/log --policy stricter.yaml',
    )
    .action(async (dir: string, options: ReplayOptions) => {
      const { replayLog } = await import('./lib/replayLog.ts')
      const { keyName, logKeyFor } = await import('./lib/logKey.ts')
      const { whatIsNotSeen } = await import('./lib/whatIsNotSeen.ts')
      const { readPolicy } = await import('#config/readPolicy.ts')
      const { counterfactualLines } = await import('./lib/counterfactualLines.ts')
      const { key, pinned } = logKeyFor(dir, options.vkey)
      const report = await replayLog(dir, options.vkey, undefined, {
        isPublic: options.public === true,
        runModels: options.runModels === true,
        policy: options.policy === undefined ? null : readPolicy(options.policy),
      })
      if (options.json) printJson({ ...report, key: keyName(key), keyPinned: pinned })
      else {
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
        if (report.counterfactual !== null) for (const line of counterfactualLines(report.counterfactual)) print(line)
        for (const [kind, { held, refused, unchecked }] of Object.entries(report.proofs))
          print(
            `  proof ${kind}: ${held} hold, ${refused} refused on record, ${unchecked} not checked here${unchecked > 0 ? ' (--run-models runs the model; attestations need a policy that names platforms)' : ''}`,
          )
        for (const { epoch, root, held, refused, soundnessBits } of report.epochs)
          print(
            `  epoch ${epoch} in public: ${held} hold, ${refused.length} do not, 2^-${soundnessBits}; coins from root ${root}`,
          )
        for (const [label, fields] of Object.entries(report.labels)) print(`  ${label}: ${fields}`)
        for (const line of whatIsNotSeen({ key: keyName(key), isPinned: pinned, isWitnessed: false }))
          print(`  ${line}`)
      }
      process.exitCode = report.diverged === 0 && report.findings.length === 0 ? 0 : 1
    })
}
