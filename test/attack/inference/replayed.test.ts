import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { decodeBase64, encodeBase64 } from '#runtime/crypto/base64.ts'
import { ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { nodeKernels, randomWords } from '#runtime/crypto/nodeKernels.ts'
import { createGateway } from '#runtime/gateway/createGateway.ts'
import { openLog } from '#runtime/log/openLog.ts'
import { createInProcessQueue } from '#runtime/queue/inProcessQueue.ts'
import { createWorker, type Worker } from '#runtime/worker/createWorker.ts'
import { onnxEngine } from '#runtime/worker/onnxEngine.ts'
import { signReceipts } from '#runtime/worker/receiptBatch.ts'
import { payloadDigest } from '#verifier/evidence/payloadDigest.ts'
import type { EnginePort } from '#verifier/evidence/ports/engine.ts'
import { decodeRecord, type RecordOf } from '#verifier/evidence/record.ts'
import type { Receipt } from '#verifier/evidence/records/receipt.ts'
import { createProofReplay } from '#verifier/replay/replayProofs.ts'
import { makeVictims, type Victim } from './victims.ts'

const REQUESTS = 150
const LIES = [3, 64, 149]
const signer = ed25519Signer(new Uint8Array(32).fill(1))
const clock = { nowMs: () => 1_700_000_000_000 }
const workers = [{ id: 'w', operator: 'one', publicKey: signer.publicKeyHex }]

test('replay: models run again in batches, and exactly the lies among many answers are found', async () => {
  const { model, file, answers } = (await makeVictims())[0] as Victim
  const dir = mkdtempSync(join(tmpdir(), 'warrant-replayed-'))
  const log = openLog({ dir, origin: 'test.example/replayed', signer, clock })
  const honest = createWorker({ id: 'w', signer, engine: onnxEngine, clock, modelFile: async () => file })
  let asked = 0
  const liar: Worker = {
    ...honest,
    run: async jobs =>
      (await honest.run(jobs)).map(done => {
        if (!LIES.includes(asked++) || done instanceof Error || done.output.type !== 'tensor') return done
        const data = decodeBase64(done.output.tensor.data)
        data[1] = (data[1] ?? 0) ^ 1
        const output = { type: 'tensor' as const, tensor: { ...done.output.tensor, data: encodeBase64(data) } }
        const statement = { ...done.receipt.statement, outputDigest: payloadDigest(output, nodeCrypto) }
        return { ...done, output, receipt: signReceipts(signer, [statement])[0] as Receipt }
      }),
  }
  const gateway = createGateway({
    ...{
      log: log.startRun().appender('gateway'),
      queue: createInProcessQueue([liar]),
      clock,
      models: [model],
      workers,
    },
    ...{ proofOf: () => 'replay', putBlob: (bytes: Uint8Array) => log.putBlob(bytes), checks: null, sealEvery: null },
    ...{ timeoutMs: 10_000, requestIs: 'ordered' as const, signatures: 'atOnce' as const },
  })
  for (let i = 0; i < REQUESTS; i++) {
    const { input } = answers[i % answers.length] as Victim['answers'][number]
    const tensor = {
      dtype: 'float32' as const,
      shape: input.shape,
      data: encodeBase64(new Uint8Array(input.data.buffer)),
    }
    await gateway.infer({
      agent: 'a',
      tick: i,
      observation: null,
      model: model.name,
      input: { type: 'tensor', tensor },
    })
  }
  const records = (await log.entries(0, log.size)).map(decodeRecord)
  await log.close()
  rmSync(dir, { recursive: true })

  const batches: number[] = []
  const engine: EnginePort = {
    ...onnxEngine,
    async load(identity, bytes) {
      const loaded = await onnxEngine.load(identity, bytes)
      return {
        ...loaded,
        runBatch(inputs) {
          batches.push(inputs.length)
          return (loaded.runBatch as NonNullable<typeof loaded.runBatch>)(inputs)
        },
      }
    },
  }
  const run = { body: { models: [model], policy: { document: {} }, keys: { workers } } } as unknown as RecordOf<'run'>
  const checkedBy = async (with_: EnginePort | null) => {
    const proofs = createProofReplay({
      ...{ crypto: nodeCrypto, engine: with_, kernels: nodeKernels(), randomWords, attestation: null },
      ...{ modelFile: async () => file, blob: async () => new Uint8Array(0) },
    })
    const requests = records.filter((record): record is RecordOf<'request'> => record.kind === 'request')
    let number = 0
    for (const record of records) {
      if (record.kind !== 'response') continue
      const request = requests.find(({ body }) => body.number === record.body.number) as RecordOf<'request'>
      await proofs.check(String(number++), record, request, run)
    }
    await proofs.settle()
    return proofs
  }
  const proofs = await checkedBy(engine)
  expect(proofs.counts.replay).toEqual({ held: REQUESTS - LIES.length, refused: LIES.length, unchecked: 0 })
  expect([...proofs.refused.keys()].map(Number)).toEqual(LIES)
  expect(proofs.refused.get('64')).toBe(
    'request 64, proof replay: worker w: running the model again gives another output',
  )
  expect(batches).toEqual([64, 64, 22])
  expect((await checkedBy(null)).counts.replay).toEqual({ held: 0, refused: 0, unchecked: REQUESTS })
})
