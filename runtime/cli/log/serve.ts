import type { Command } from 'commander'
import type { RunLogParameters } from '../lib/runLog.ts'

/** `warrant log serve`. */
export function registerServe(log: Command): void {
  log
    .command('serve')
    .requiredOption('--dir <dir>', "the log's directory, made when missing; one writer at a time")
    .requiredOption('--origin <name>', "the log's name, like example.org/treasury")
    .requiredOption('--key <file>', "the log's Ed25519 key, made when missing")
    .option('--actor <name=key...>', 'producers: actor and the Ed25519 public key (hex) that signs its appends', [])
    .option(
      '--client <name=sha256...>',
      'who may append, by the SHA-256 of its token (warrant token): must be given beyond loopback',
      [],
    )
    .option('--quorum <file>', 'witnesses to ask for cosignatures: lines `witness NAME VKEY URL` and `quorum NAME`')
    .option('--host <host>', 'where to listen', '127.0.0.1')
    .option('--port <port>', '0 for any', '0')
    .option('--publish-every <ms>', 'how long after an append its checkpoint and tiles are published', '1000')
    .description(
      'The log as a process: authenticated append, proofs from the write-ahead log, tiles over HTTP (C2SP tlog-tiles).',
    )
    .addHelpText(
      'after',
      '\nExample:\n  warrant log serve --dir log --origin example.org/treasury --key log.key --actor runtime=$RUNTIME_KEY --port 8080',
    )
    .action(async (options: RunLogParameters) => {
      const { runLog } = await import('../lib/runLog.ts')
      await runLog(options)
    })
}
