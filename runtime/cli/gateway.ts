import type { Command } from 'commander'

/** `warrant gateway`. */
export function gatewayCommand(program: Command): void {
  program
    .command('gateway')
    .description('Serve models over HTTP: every request numbered, logged before dispatch, answered with a receipt.')
    .requiredOption('--config <file>', 'its configuration (YAML or JSON)')
    .option('--json', 'as it is: the one line on stdout, once it listens, is JSON')
    .addHelpText('after', '\nExample:\n  warrant gateway --config config/examples/gateway.yaml')
    .action(async (options: { config: string }) => {
      const { runGateway } = await import('./lib/runGateway.ts')
      await runGateway(options.config)
    })
}
