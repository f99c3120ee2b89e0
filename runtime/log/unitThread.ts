import { parentPort, workerData } from 'node:worker_threads'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { verifyUnit } from '#verifier/log/verifyUnit.ts'
import { openLogFiles } from './logFiles.ts'
import type { UnitAnswer, UnitRequest, UnitThreadData } from './verifyUnits.ts'

// A thread of verifyUnits: one unit after the other, each when asked.
const { dir, partials } = workerData as UnitThreadData
const files = openLogFiles(dir)
parentPort?.on('message', async ({ index, count }: UnitRequest) => {
  const report = await verifyUnit({ files, crypto: nodeCrypto, partials }, { index, count })
  parentPort?.postMessage({ index, ...report } satisfies UnitAnswer)
})
