import type { Command } from 'commander'
import { WarrantError } from '#verifier/evidence/error.ts'
import { showText } from '#verifier/evidence/text/showText.ts'
import type { Policy } from '#verifier/policy/policy.ts'
import { createPrinter, printJson } from './lib/output.ts'

/** What only a clock and a chain can tell of a policy. @throws BAD_CONFIG naming file, line and field */
async function checkNow(policy: Policy, file: string, rpc: string | undefined): Promise<void> {
  const { placeIn } = await import('#config/loadConfig.ts')
  const { expiredFaults } = await import('#verifier/policy/policyFaults.ts')
  const placeOf = placeIn(file)
  const [expired] = expiredFaults(policy, Date.now())
  if (expired !== undefined)
    throw new WarrantError('BAD_CONFIG', `${placeOf(expired.path)}: ${expired.path.join('.')}: ${expired.reason}`)
  if (rpc === undefined) return
  const { createChainPort } = await import('#runtime/chain/createChainPort.ts')
  const { requireChainFits } = await import('#runtime/chain/requireChainFits.ts')
  await requireChainFits(policy, createChainPort(rpc), placeOf)
}

/** `warrant policy check|explain|diff|test|schema`. */
export function policyCommand(program: Command): void {
  const policy = program.command('policy').description('Check policies.')
  policy
    .command('check')
    .argument('<file>', 'a policy (YAML or JSON)')
    .option('--rpc <url>', 'compare it with its chain, too: decimals, pools, fees, routers, module')
    .option('--json', 'one JSON document on stdout')
    .description(
      'Check a policy, and print its digest: what the owners set in the module. Exit 2 for one that cannot be meant, or that its chain contradicts.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  warrant policy check policy.yaml\n  warrant policy check policy.yaml --rpc http://localhost:8545',
    )
    .action(async (file: string, options: { rpc?: string; json?: boolean }) => {
      const { readPolicy } = await import('#config/readPolicy.ts')
      const { policyDigest } = await import('#verifier/policy/policy.ts')
      const parsed = readPolicy(file)
      await checkNow(parsed, file, options.rpc)
      if (options.json) printJson({ ok: true, name: parsed.name, digest: policyDigest(parsed) })
      else createPrinter(false)(`${showText(parsed.name)}: 0x${policyDigest(parsed)}`)
    })
  policy
    .command('explain')
    .argument('<file>', 'a policy (YAML or JSON)')
    .option('--json', 'one JSON document on stdout')
    .description('Say in sentences what a policy allows and demands.')
    .addHelpText('after', '\nExample:\n  warrant policy explain policy.yaml')
    .action(async (file: string, options: { json?: boolean }) => {
      const { readPolicy } = await import('#config/readPolicy.ts')
      const { explainPolicy, shownDigest } = await import('#verifier/policy/explainPolicy.ts')
      const parsed = readPolicy(file)
      const statements = explainPolicy(parsed)
      if (options.json) return printJson({ name: parsed.name, digest: shownDigest(parsed), statements })
      const print = createPrinter(false)
      print(`${showText(parsed.name)}: ${shownDigest(parsed)}`)
      for (const { text } of statements) print(`- ${text}`)
    })
  policy
    .command('diff')
    .argument('<before>', 'the policy in force')
    .argument('<after>', 'the one to take its place')
    .option('--json', 'one JSON document on stdout')
    .description(
      'What changes for the treasury, for a governance post: + lets the agent do more, - less, ~ something else.',
    )
    .addHelpText('after', '\nExample:\n  warrant policy diff policy.yaml policy-next.yaml')
    .action(async (before: string, after: string, options: { json?: boolean }) => {
      const { readPolicy } = await import('#config/readPolicy.ts')
      const { diffPolicies, shownDigest } = await import('#verifier/policy/explainPolicy.ts')
      const [old, fresh] = [readPolicy(before), readPolicy(after)]
      const changes = diffPolicies(old, fresh)
      if (options.json) return printJson({ before: shownDigest(old), after: shownDigest(fresh), changes })
      const print = createPrinter(false)
      print(shownDigest(old))
      print(`→ ${shownDigest(fresh)}`)
      if (changes.length === 0) print('nothing changes')
      const signs = { wider: '+', narrower: '-', changed: '~' } as const
      for (const { effect, before: was, after: is } of changes) {
        print(`${signs[effect]} ${is ?? `no longer: ${was}`}`)
        if (was !== null && is !== null) print(`    was: ${was}`)
      }
    })
  policy
    .command('test')
    .argument('<file>', 'a table of cases (YAML or JSON)')
    .option('--json', 'one JSON document on stdout')
    .description(
      "Run a table of cases through the verifier's own policy check: what it allows and what it denies. Exit 0 all as expected, 1 not.",
    )
    .addHelpText(
      'after',
      `
Example:
  warrant policy test policy-tests.yaml

  policy: policy.yaml
  oracleTick: 200000
  balances: { USDC: "60000000000", WETH: "0" }
  cases:
    - name: a small swap
      intents: [{ type: swap, sell: USDC, buy: WETH, amountIn: "100000000", minBuy: "48000000000000000" }]
      expect: allow
    - name: too soon
      intents: [{ type: swap, sell: USDC, buy: WETH, amountIn: "100000000", minBuy: "48000000000000000" }]
      before: [{ usd: 100, secondsAgo: 5 }]
      expect: deny
      because: the last trade was 5 s ago`,
    )
    .action(async (file: string, options: { json?: boolean }) => {
      const { testPolicy } = await import('./lib/testPolicy.ts')
      const results = await testPolicy(file)
      const failed = results.filter(({ ok }) => !ok).length
      if (options.json) printJson({ ok: failed === 0, results })
      else {
        const print = createPrinter(false)
        for (const { name, ok, answer, reason } of results)
          print(`${ok ? 'ok  ' : 'FAIL'}  ${name}: ${answer}: ${reason}`)
        print(`${results.length - failed} as expected, ${failed} not`)
      }
      process.exitCode = failed === 0 ? 0 : 1
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
