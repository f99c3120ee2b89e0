import type { Command } from 'commander'
import { printJson } from './lib/output.ts'

/** `warrant gateway`. */
export function gatewayCommand(program: Command): void {
  program
    .command('gateway')
    .description('Serve models over HTTP: every request numbered, logged before dispatch, answered with a receipt.')
    .requiredOption('--config <file>', 'its configuration (YAML or JSON)')
    .option('--readmit <worker>', 'let a worker that was set aside take jobs again, and end')
    .option('--json', 'as it is: the one line on stdout, once it listens, is JSON')
    .addHelpText('after', '\nExample:\n  warrant gateway --config config/examples/gateway.yaml')
    .action(async (options: { config: string; readmit?: string }) => {
      const { readmit, runGateway } = await import('./lib/runGateway.ts')
      if (options.readmit === undefined) return runGateway(options.config)
      await readmit(options.config, options.readmit)
      printJson({ readmitted: options.readmit })
    })
}
