import type { Command } from 'commander'
import { createPrinter, printJson } from '../lib/output.ts'
import type { RotateOptions } from '../lib/rotation/rotateKey.ts'

/** `warrant keys rotate`. */
export function registerRotate(keys: Command): void {
  keys
    .command('rotate')
    .argument('<kind>', 'agent, worker, gateway, witness or log; keys on chain are the owners\u2019 to replace')
    .requiredOption('--key <file>', 'the key that is replaced; the next one waits beside it as FILE.next')
    .option('--policy <file>', 'the policy that lists it: a draft with both goes beside it')
    .option('--config <file>', 'of a worker: the gateway\u2019s or run\u2019s configuration that lists it')
    .option('--quorum <file>', 'of a witness: the quorum file that names it; of a log, with --now: its witnesses')
    .option('--log <dir>', 'of a log: its directory, closed')
    .option('--origin <origin>', 'of a log: its name, where no directory says it')
    .option('--name <name>', 'of a witness: its name in cosignatures')
    .option('--until <day>', 'until when the policy takes the old key, such as 2027-01-31; default: 14 days')
    .option('--now', 'put the prepared key in its place; the old one is kept in FILE.retired/')
    .option('--json', 'print one JSON document')
    .description(
      'Replace a key in two steps: prepare (both stand side by side), then --now. Nothing under the old one is lost.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  warrant keys rotate agent --key run/keys/agent.key --policy policy.yaml --until 2027-01-31\n  warrant keys rotate agent --key run/keys/agent.key --policy policy.yaml --now\n  warrant keys rotate log --key run/keys/log.key --log run/log --policy policy.yaml --now',
    )
    .action(async (kind: string, options: RotateOptions & { now?: true; json?: true }) => {
      const { WarrantError } = await import('#verifier/evidence/error.ts')
      const { ROTATED } = await import('../lib/rotation/rotationKeys.ts')
      const { prepareRotation, takeRotation } = await import('../lib/rotation/rotateKey.ts')
      const known = ROTATED.find(one => one === kind)
      if (known === undefined)
        throw new WarrantError('BAD_INPUT', `${kind} is none of ${ROTATED.join(', ')}: others are on chain`)
      const { now, json, ...rest } = options
      const print = createPrinter(json === true)
      if (now) {
        const done = await takeRotation(known, rest, Date.now())
        if (json) return printJson(done)
        print(`${kind}: ${done.after} took the place of ${done.before}`)
        if (done.size !== null) print(`  the log was handed over: it has ${done.size} entries`)
        return print(`  the old key is kept in ${done.retired}: delete it once nothing is open under it`)
      }
      const prepared = prepareRotation(known, rest, Date.now())
      if (json) return printJson(prepared)
      print(`${kind}: ${prepared.after} will take the place of ${prepared.before}`)
      for (const file of prepared.files) print(`  wrote ${file}`)
      if (prepared.policyDigest !== null) print(`  digest of the drafted policy: 0x${prepared.policyDigest}`)
      for (const [i, step] of prepared.todo.entries()) print(`  ${i + 1}. ${step}`)
    })
}
