import { parentPort } from 'node:worker_threads'
import { type Signed, verifyEd25519 } from './ed25519Verify.ts'

// The thread of verifyLater: batches, in order.
parentPort?.on('message', (batch: Signed[]) => parentPort?.postMessage(batch.map(verifyEd25519)))
