import type { Command } from 'commander'
import { createPrinter, printJson } from '../lib/output.ts'

type Options = {
  rpc: string
  contract?: string
  key?: string
  publisher?: string
  deploy?: boolean
  check?: boolean
  vkey?: string
  vkeyFile?: string
  unpinned?: boolean
  json?: boolean
}

/** `warrant log anchor`. */
export function registerAnchor(log: Command): void {
  log
    .command('anchor')
    .argument('<where>', "the log's directory, a bundle of it, or the URL that serves it")
    .requiredOption('--rpc <url>', 'JSON-RPC of the chain')
    .option('--key <file>', 'key file of the account that anchors; its address is the publisher')
    .option('--publisher <address>', 'with --check: the account that anchors, so that anybody can compare')
    .option('--contract <address>', 'the LogAnchor')
    .option('--deploy', 'deploy a LogAnchor first')
    .option(
      '--check',
      'send nothing: compare the log with what is anchored. Exit 1 when it was rolled back or forked, or nothing is anchored',
    )
    .option('--vkey <key>', "the log's verification key; to anchor, the one beside the log does")
    .option('--vkey-file <file>', 'a file of keys that you trust, one a line; ./warrant.pins is read without it')
    .option('--unpinned', 'with --check: take the key beside the log, which says nothing of whose log it is')
    .option('--json', 'one JSON document on stdout')
    .description(
      'Put the checkpoint on chain, where the contract checks that it extends the last: a rollback or fork reverts.',
    )
    .addHelpText(
      'after',
      '\nExample:\n  warrant log anchor runs/demo/log --rpc http://127.0.0.1:8545 --key anchor.key --deploy',
    )
    .action(async (dir: string, options: Options) => {
      const { anchorLog } = await import('../lib/anchorLog.ts')
      const report = await anchorLog(dir, options)
      if (options.json) printJson(report)
      else createPrinter(false)(`${report.ok ? 'ok  ' : 'FAIL'}  ${report.says}`)
      process.exitCode = report.ok ? 0 : 1
    })
}
