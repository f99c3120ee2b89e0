import { readFileSync } from 'node:fs'
import { pino } from 'pino'
import { openEd25519Key } from '#runtime/crypto/ed25519Key.ts'
import { runBullWorker } from '#runtime/queue/bullQueue.ts'
import { createWorker } from '#runtime/worker/createWorker.ts'
import { machineKernels } from '#runtime/worker/machineKernels.ts'
import { type ModelOrigin, openModelStore } from '#runtime/worker/modelStore.ts'
import { createOnnxEngine } from '#runtime/worker/onnxEngine.ts'
import { demandProvider, providerNamed } from '#runtime/worker/provider.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { logStream, printJsonLine } from './output.ts'

/** Runs a worker until SIGTERM: jobs in hand are finished. @throws BAD_INPUT, FILE_MISSING, UNREACHABLE */
export async function runWorker(options: {
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
}): Promise<void> {
  const { redis, models: dir, id, prefix } = options
  const provider = providerNamed(options.provider)
  const concurrency = Number(options.concurrency)
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > 1_024)
    throw new WarrantError('BAD_INPUT', `--concurrency must be 1 to 1024, got ${options.concurrency}`)
  await demandProvider(provider)
  const engine = createOnnxEngine(provider)
  const processor = await machineKernels()
  const store = openModelStore(dir, originOf(options))
  const log = pino({ name: 'worker', level: 'info' }, logStream)
  const signer = openEd25519Key(options.key)
  const worker = createWorker({
    id,
    signer,
    engine,
    clock: { nowMs: () => Date.now() },
    modelFile: store.file,
    attestation: attestationFrom(options.attestation),
  })
  const running = await runBullWorker({ url: redis, worker, concurrency, prefix })
  log.info(
    { id, publicKey: signer.publicKeyHex, models: store.digests, runtime: engine.runtime, processor },
    'takes jobs',
  )
  printJsonLine({ id, publicKey: signer.publicKeyHex })
  const stop = async () => {
    await running.close()
    log.info({ id, jobs: running.done() }, 'ended')
    process.exit(0)
  }
  for (const event of ['SIGTERM', 'SIGINT', 'disconnect'] as const) process.on(event, () => void stop())
}

/** Reads the file each time: whatever renews the attestation writes it there. @throws FILE_MISSING */
function attestationFrom(file: string | undefined): (() => Uint8Array) | undefined {
  if (file === undefined) return undefined
  const read = () => {
    try {
      return readFileSync(file)
    } catch (cause) {
      throw new WarrantError('FILE_MISSING', `${file}: the attestation cannot be read`, { cause })
    }
  }
  read()
  return read
}

/** The gateway that hands out model files, and its API key from the environment. @throws BAD_INPUT */
function originOf({ modelsFrom, apiKeyFrom }: { modelsFrom?: string; apiKeyFrom: string }): ModelOrigin | null {
  if (modelsFrom === undefined) return null
  if (!URL.canParse(modelsFrom)) throw new WarrantError('BAD_INPUT', `--models-from: ${modelsFrom} is no URL`)
  const apiKey = process.env[apiKeyFrom]
  if (apiKey === undefined || apiKey === '')
    throw new WarrantError('BAD_INPUT', `--models-from needs the gateway's API key in ${apiKeyFrom}, which is not set`)
  return { url: modelsFrom, apiKey }
}
