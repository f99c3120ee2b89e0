import type { Command } from 'commander'

/** `warrant witness`. */
export function witnessCommand(program: Command): void {
  program
    .command('witness')
    .description('Watch logs (C2SP tlog-witness): cosign only what extends the tree seen before.')
    .requiredOption('--key <file>', 'its Ed25519 key, made when missing')
    .requiredOption('--state <file>', 'what it has seen: never delete or restore it')
    .requiredOption('--log <vkey...>', 'verification keys of the logs to watch')
    .option('--name <name>', 'name in its cosignatures', 'warrant.example/witness')
    .option('--port <port>', 'loopback port; 0 for any', '0')
    .option('--json', 'as it is: the one line on stdout, once it listens, is JSON')
    .addHelpText(
      'after',
      '\nExample:\n  warrant witness --key witness.key --state witness.state --log "$(cat runs/demo/log/vkey)" --port 8090',
    )
    .action(async (options: { key: string; state: string; log: string[]; name: string; port: string }) => {
      const { runWitness } = await import('./lib/runWitness.ts')
      await runWitness(options)
    })
}
