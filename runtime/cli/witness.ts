import type { Command } from 'commander'
import type { FeedOptions } from './lib/feedWitnesses.ts'

type Options = {
  key?: string[]
  mlDsaKey?: string[]
  state?: string
  log?: string[]
  logs?: string
  name: string
  host: string
  port: string
}

/** `warrant witness` and `warrant witness feed`. */
export function witnessCommand(program: Command): void {
  const witness = program
    .command('witness')
    .description('Watch logs (C2SP tlog-witness): cosign only what extends the tree seen before.')
    .option(
      '--key <file...>',
      'its Ed25519 key, made when missing; several cosign side by side while one replaces another',
    )
    .option('--ml-dsa-key <file...>', 'its ML-DSA-44 key beside it, made when missing: no quantum computer breaks it')
    .option('--state <file>', 'what it has seen: never delete or restore it')
    .option('--log <vkey...>', 'keys of the logs to watch: VKEY, or "VKEY ORIGIN" where the key has another name')
    .option('--logs <file>', 'the same, a line each')
    .option('--name <name>', 'name in its cosignatures', 'warrant.example/witness')
    .option('--host <host>', 'address to listen on', '127.0.0.1')
    .option('--port <port>', 'port; 0 for any', '0')
    .option('--json', 'as it is: the one line on stdout, once it listens, is JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  warrant witness --key witness.key --state witness.state --log "$(cat runs/demo/log/vkey)" --port 8090\n  warrant witness feed runs/demo/log --vkey "$(cat trusted.vkey)" --quorum quorum',
    )
    .action(async ({ key, state, ...options }: Options) => {
      const { WarrantError } = await import('#verifier/evidence/error.ts')
      if (key === undefined || state === undefined)
        throw new WarrantError('BAD_INPUT', 'witness needs --key FILE and --state FILE')
      const { runWitness } = await import('./lib/runWitness.ts')
      await runWitness({ ...options, key, state })
    })
  witness
    .command('feed')
    .argument('<log>', 'directory or URL of any tiled log (C2SP tlog-tiles)')
    .requiredOption('--vkey <key>', "the log's verification key")
    .option('--origin <origin>', 'its origin, where that is not the name of the key')
    .requiredOption('--quorum <file>', 'the witnesses to ask: a quorum file with their URLs')
    .option('--out <file>', "where the cosigned checkpoint goes; default: the directory's own")
    .option('--json', 'print one JSON document')
    .description("Have a log's latest checkpoint cosigned. Exit 0: the quorum is met; 1: it is not.")
    .addHelpText(
      'after',
      '\nExample:\n  warrant witness feed runs/demo/log --vkey "$(cat trusted.vkey)" --quorum quorum',
    )
    .action(async (where: string, _options: unknown, command: Command) => {
      const { feedWitnesses } = await import('./lib/feedWitnesses.ts')
      // A flag that the parent has as well is taken by it.
      process.exitCode = await feedWitnesses(where, command.optsWithGlobals<FeedOptions>())
    })
}
