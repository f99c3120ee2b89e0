import type { Command } from 'commander'
import { createPrinter, printJson } from './lib/output.ts'

/** `warrant policy check|schema`. */
export function policyCommand(program: Command): void {
  const policy = program.command('policy').description('Check policies.')
  policy
    .command('check')
    .argument('<file>', 'a policy (YAML or JSON)')
    .option('--json', 'one JSON document on stdout')
    .description('Check a policy against its schema and print its digest: what the owners set in the module.')
    .addHelpText('after', '\nExample:\n  warrant policy check policy.yaml')
    .action(async (file: string, options: { json?: boolean }) => {
      const { readYaml } = await import('#config/loadConfig.ts')
      const { parsePolicy, policyDigest } = await import('#verifier/policy/policy.ts')
      const parsed = parsePolicy(readYaml(file), file)
      if (options.json) printJson({ ok: true, name: parsed.name, digest: policyDigest(parsed) })
      else createPrinter(false)(`${parsed.name}: 0x${policyDigest(parsed)}`)
    })
  policy
    .command('schema')
    .description('Print the JSON Schema of a policy, for an editor.')
    .addHelpText('after', '\nExample:\n  warrant policy schema > policy.schema.json')
    .action(async () => {
      const { z } = await import('zod')
      const { policy: schema } = await import('#verifier/policy/policy.ts')
      printJson(z.toJSONSchema(schema))
    })
}
