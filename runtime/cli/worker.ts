import type { Command } from 'commander'

/** `warrant worker`. */
export function workerCommand(program: Command): void {
  program
    .command('worker')
    .description(
      'Run models for gateways: takes jobs from Redis, signs a receipt for each. Needs no key of a treasury.',
    )
    .requiredOption('--redis <url>', 'the Redis that carries the jobs')
    .requiredOption('--key <file>', 'its Ed25519 key, made when missing')
    .requiredOption('--models <dir>', 'directory of .onnx files; each is served by its digest')
    .option('--models-from <url>', 'a gateway that hands out the files which are missing; they are checked, and kept')
    .option('--api-key-from <name>', "environment variable with that gateway's API key", 'WARRANT_API_KEY')
    .option('--id <id>', 'its name in receipts', 'worker-1')
    .option(
      '--provider <provider>',
      'cpu, cuda or webgpu: each model must prove exact there before it is served',
      'cpu',
    )
    .option('--attestation <file>', "what this machine's vendor signed about its key; read anew for each answer")
    .option('--concurrency <n>', 'jobs at once', '16')
    .option('--prefix <prefix>', "prefix of the queue's keys in Redis", 'warrant')
    .option('--json', 'as it is: the one line on stdout, once it listens, is JSON')
    .addHelpText(
      'after',
      '\nExample:\n  warrant worker --redis redis://127.0.0.1:6379 --key worker.key --models models\n  WARRANT_API_KEY=… warrant worker --redis URL --key worker.key --models cache --models-from https://gateway.example',
    )
    .action(
      async (options: {
        redis: string
        key: string
        models: string
        modelsFrom?: string
        apiKeyFrom: string
        id: string
        provider: string
        attestation?: string
        concurrency: string
        prefix: string
      }) => {
        const { runWorker } = await import('./lib/runWorker.ts')
        await runWorker(options)
      },
    )
}
