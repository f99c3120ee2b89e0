import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import { openEd25519Key } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { runBullWorker } from '#runtime/queue/bullQueue.ts'
import { createWorker } from '#runtime/worker/createWorker.ts'
import { onnxEngine } from '#runtime/worker/onnxEngine.ts'
import { digestBytes } from '#verifier/evidence/digest.ts'
import { WarrantError } from '#verifier/evidence/error.ts'

/** Runs a worker until SIGTERM: jobs in hand are finished. @throws BAD_INPUT, FILE_MISSING, UNREACHABLE */
export async function runWorker(options: {
  redis: string
  key: string
  models: string
  id: string
  provider: string
  concurrency: string
  prefix: string
}): Promise<void> {
  const { redis, models: dir, id, provider, prefix } = options
  const concurrency = Number(options.concurrency)
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > 1_024)
    throw new WarrantError('BAD_INPUT', `--concurrency must be 1 to 1024, got ${options.concurrency}`)
  if (provider !== 'cpu')
    throw new WarrantError('BAD_INPUT', `--provider ${provider}: this build of onnxruntime has cpu only`)
  if (!existsSync(dir) || !statSync(dir).isDirectory())
    throw new WarrantError('FILE_MISSING', `${dir}: no such directory of models`)
  const files = new Map(
    readdirSync(dir)
      .filter(name => name.endsWith('.onnx'))
      .map(name => {
        const bytes = readFileSync(join(dir, name))
        return [digestBytes('model', bytes, nodeCrypto), bytes] as const
      }),
  )
  if (files.size === 0) throw new WarrantError('FILE_MISSING', `${dir}: holds no .onnx file`)
  const log = pino({ name: 'worker', level: 'info' }, pino.destination(2))
  const signer = openEd25519Key(options.key)
  const worker = createWorker({
    id,
    signer,
    engine: onnxEngine,
    clock: { nowMs: () => Date.now() },
    async modelFile(identity) {
      const file = files.get(identity.digest)
      if (file === undefined)
        throw new WarrantError('WORKER_FAILED', `worker ${id} has no model ${identity.digest.slice(0, 16)}…`)
      return file
    },
  })
  const running = await runBullWorker({ url: redis, worker, concurrency, prefix })
  log.info({ id, publicKey: signer.publicKeyHex, models: [...files.keys()], runtime: onnxEngine.runtime }, 'takes jobs')
  process.stdout.write(`${JSON.stringify({ id, publicKey: signer.publicKeyHex })}\n`)
  const stop = async () => {
    await running.close()
    log.info({ id, jobs: running.done() }, 'ended')
    process.exit(0)
  }
  for (const event of ['SIGTERM', 'SIGINT', 'disconnect'] as const) process.on(event, () => void stop())
}
