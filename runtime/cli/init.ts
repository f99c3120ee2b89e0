import type { Command } from 'commander'
import { createPrinter, printJson } from './lib/output.ts'

/** `warrant init`. */
export function initCommand(program: Command): void {
  program
    .command('init')
    .argument('<dir>', 'a new directory')
    .option('--json', 'one JSON document on stdout')
    .description('Start a strategy: module, test, configuration, policy.')
    .addHelpText('after', '\nExample:\n  warrant init my-strategy')
    .action(async (dir: string, options: { json?: boolean }) => {
      const { initStrategy } = await import('./lib/initStrategy.ts')
      const files = initStrategy(dir)
      if (options.json) return printJson({ dir, files })
      const print = createPrinter(false)
      for (const file of files) print(`wrote  ${dir}/${file}`)
      print(
        `\nNext:\n  npx warrant strategy test ${dir}/index.ts\n  npx warrant strategy build ${dir}/index.ts\n  npx warrant backtest ${dir}/index.ts --html ${dir}/chart.html`,
      )
    })
}
