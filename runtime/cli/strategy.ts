import type { Command } from 'commander'
import { createPrinter, printJson } from './lib/output.ts'

/** `warrant strategy build|test`. */
export function strategyCommand(program: Command): void {
  const strategy = program.command('strategy').description('Check and bundle strategy plugins.')
  strategy
    .command('build')
    .argument('<module>', 'the strategy module, or the name of a built-in one')
    .option('--params <json>', 'parameters to check against its schema', '{}')
    .option('--out <file>', 'write the bundle')
    .option('--json', 'one JSON document on stdout')
    .description('Type-check, bundle, load it in the sandbox, and print its identity: what a policy lists.')
    .addHelpText('after', '\nExample:\n  warrant strategy build my-strategy/index.ts')
    .action(async (module: string, options: { params: string; out?: string; json?: boolean }) => {
      const { buildStrategy } = await import('./lib/buildStrategy.ts')
      const built = await buildStrategy(module, options)
      if (options.json) return printJson(built)
      const print = createPrinter(false)
      print(`${built.name} ${built.version}: ${built.bytes} bytes`)
      print(`strategy  ${built.digest}`)
      print(`params    ${built.paramsDigest}`)
      for (const model of built.models) print(`model     ${model.digest}  ${model.name} on ${model.numeric}`)
    })
  strategy
    .command('test')
    .argument('<module>', 'the strategy module; its test stands beside it as NAME.test.ts')
    .option('--json', 'one JSON document on stdout')
    .description("Run the test beside a strategy, with Node's test runner. Exit 0 passed, 1 failed.")
    .addHelpText('after', '\nExample:\n  warrant strategy test my-strategy/index.ts')
    .action(async (module: string, options: { json?: boolean }) => {
      const { testStrategy } = await import('./lib/testStrategy.ts')
      const report = await testStrategy(module, options.json === true)
      if (options.json) printJson(report)
      process.exitCode = report.ok ? 0 : 1
    })
}
