import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { createBatcher } from '#verifier/evidence/batcher.ts'
import { type Signed, verifyEd25519 } from './ed25519Verify.ts'

/** Signatures of one message to the thread: waking it costs as much as some of them. */
const BATCH = 64
/** So few are checked here. */
const FEW = 8

/** Built as dist/runtime/crypto/signatureThread.js, which plain Node can run. */
const THREAD = ['./signatureThread.js', '../../dist/runtime/crypto/signatureThread.js']
  .map(path => fileURLToPath(new URL(path, import.meta.url)))
  .find(existsSync)

type Thread = { verify(batch: readonly Signed[]): Promise<readonly boolean[]> }
let thread: Thread | null = null

/** Started when there is enough to do, and no reason for the process to stay. */
function startThread(path: string): Thread {
  const worker = new Worker(path, { env: {}, execArgv: [] })
  worker.unref()
  const asked: { batch: readonly Signed[]; resolve: (valid: readonly boolean[]) => void }[] = []
  worker.on('message', (valid: boolean[]) => {
    asked.shift()?.resolve(valid)
    if (asked.length === 0) worker.unref()
  })
  // What a thread cannot do, this one does.
  worker.on('error', () => {
    thread = null
    for (const { batch, resolve } of asked.splice(0)) resolve(batch.map(verifyEd25519))
  })
  return {
    verify: batch =>
      new Promise(resolve => {
        asked.push({ batch, resolve })
        worker.ref()
        worker.postMessage(batch)
      }),
  }
}

/** Whether signatures hold, checked beside the caller's thread where there are many. */
export const verifyLater: (signed: Signed) => Promise<boolean> = createBatcher({
  most: BATCH,
  defer: setImmediate,
  async ask(batch: readonly Signed[]) {
    if (batch.length <= FEW || THREAD === undefined) return batch.map(verifyEd25519)
    thread ??= startThread(THREAD)
    return thread.verify(batch)
  },
})
