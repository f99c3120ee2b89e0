import type { Command } from 'commander'

/** The options of every command that reads a log: whose it must be, and who must speak for it (docs/reading.md). */
export function addReadOptions(command: Command, { rpc = true }: { rpc?: boolean } = {}): Command {
  command
    .option('--vkey <key>', "the log's verification key, from somewhere you trust")
    .option('--vkey-file <file>', 'a file of keys that you trust, one a line; ./warrant.pins is read without it')
    .option('--unpinned', 'take the key that lies beside the log, which says nothing of whose log it is')
    .option(
      '--require-witness <who>',
      "exit 1 unless it cosigned: a witness's name or key, or how many of those that are known; may be given again",
      (who: string, before: string[] = []) => [...before, who],
    )
    .option('--quorum <file>', 'exit 1 unless these cosigned: lines `witness NAME VKEY` and `quorum NAME`')
    .option('--require-anchor <address>', 'exit 1 unless the log holds what --publisher anchored at this LogAnchor')
    .option('--publisher <address>', 'with --require-anchor: the account that anchors')
  return rpc ? command.option('--rpc <url>', 'with --require-anchor: JSON-RPC of the chain') : command
}
