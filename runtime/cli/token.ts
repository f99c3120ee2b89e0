import type { Command } from 'commander'
import { printJson } from './lib/output.ts'

/** `warrant token`. */
export function tokenCommand(program: Command): void {
  program
    .command('token')
    .argument('<file>', 'where the token goes; an existing one is kept')
    .option('--json', 'as it is: one JSON document')
    .description(
      "Make a client's token (mode 0600) and print its SHA-256, which its server lists: under clients, apiKeys, or --client.",
    )
    .addHelpText(
      'after',
      '\nExample:\n  warrant token agent.token   # verifier.yaml: clients: [{ name: agent, sha256: … }]; live.yaml: verifiers: [{ url, token: agent.token }]',
    )
    .action(async (file: string) => {
      const { makeTokenFile } = await import('#runtime/api/tokenFile.ts')
      printJson(makeTokenFile(file))
    })
}
