import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
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
import { digestBytes } from '#verifier/evidence/digest.ts'
import { payloadDigest } from '#verifier/evidence/payloadDigest.ts'
import { decodeRecord } from '#verifier/evidence/record.ts'
import { proof, type SingleProof } from '#verifier/evidence/records/proof.ts'
import type { Receipt } from '#verifier/evidence/records/receipt.ts'
import { referee } from '#verifier/proof/refereed/referee.ts'
import { verifyProof } from '#verifier/proof/verifyProof.ts'
import { seededRandom } from '../../fault/seededRandom.ts'
import { honestDraft, LIES } from './lies.ts'
import { makeVictims, type Victim } from './victims.ts'

let victims: Victim[]
beforeAll(async () => {
  victims = await makeVictims()
})
const floats = (draft: { output: { data: string } }) => new Float32Array(decodeBase64(draft.output.data).buffer)
const FORGERIES = LIES.filter(
  lie => lie.caughtBy === 'accumulators' || lie.caughtBy === 'output' || lie.caughtBy === 'size',
)

/** A draft with one lie in it. */
function lieOf(name: string, victim: Victim, seed: number) {
  const honest = victim.answers[0] as Victim['answers'][number]
  const draft = honestDraft(honest)
  LIES.find(lie => lie.name === name)?.tell(draft, victim, honest, seededRandom(seed))
  return { honest, draft }
}

describe('the referee', () => {
  test.each(FORGERIES.map(lie => lie.name))(
    '%s: the liar is named, never the honest one, whichever side it is on',
    name => {
      for (let seed = 0; seed < 24; seed++) {
        const victim = victims[seed % victims.length] as Victim
        const { honest, draft } = lieOf(name, victim, seed)
        const claims = [honest, draft].map(side => ({ output: floats(side), trace: side.trace }))
        expect(referee(victim.graph, honest.input, claims)?.wrong).toEqual([1])
        expect(referee(victim.graph, honest.input, [...claims].reverse())?.wrong).toEqual([0])
      }
    },
  )

  test('two that agree are not told apart: a colluding pair passes, which is what the kind assumes away', () => {
    const victim = victims[0] as Victim
    const { honest, draft } = lieOf('one accumulator off by one', victim, 1)
    const claim = { output: floats(draft), trace: draft.trace }
    expect(referee(victim.graph, honest.input, [claim, claim])).toBe(null)
  })
})

describe('a gateway over workers of different operators', () => {
  const key = (n: number) => ed25519Signer(new Uint8Array(32).fill(n))
  const clock = { nowMs: () => 1_700_000_000_000 }

  type Lies = boolean | 'garbage' | 'misshapen'

  /** A worker that adds to its last accumulator and makes everything fit, or tells the truth. */
  function workerOf(id: string, n: number, file: Uint8Array, lies: Lies): Worker {
    const worker = createWorker({ id, signer: key(n), engine: onnxEngine, clock, modelFile: async () => file })
    if (!lies) return worker
    // `garbage`: signed honestly, another trace sent. `misshapen`: the right numbers in another shape, signed as such.
    if (lies === 'garbage')
      return {
        ...worker,
        run: async jobs =>
          (await worker.run(jobs)).map(result =>
            result instanceof Error ? result : { ...result, trace: new Uint8Array(8) },
          ),
      }
    if (lies === 'misshapen')
      return {
        ...worker,
        run: async jobs =>
          (await worker.run(jobs)).map(result => {
            if (result instanceof Error || result.output.type !== 'tensor') return result
            const { shape } = result.output.tensor
            const output = { type: 'tensor' as const, tensor: { ...result.output.tensor, shape: [...shape, 1] } }
            const statement = { ...result.receipt.statement, outputDigest: payloadDigest(output, nodeCrypto) }
            return { ...result, output, receipt: signReceipts(key(n), [statement])[0] as Receipt }
          }),
      }
    return {
      ...worker,
      async run(jobs) {
        return (await worker.run(jobs)).map(result => {
          if (result instanceof Error || result.output.type !== 'tensor') return result
          const trace = result.trace === null ? null : new Uint8Array(result.trace)
          if (trace !== null) trace[0] = (trace[0] ?? 0) ^ 1
          const data = decodeBase64(result.output.tensor.data)
          data[2] = (data[2] ?? 0) ^ 64
          const output = { type: 'tensor' as const, tensor: { ...result.output.tensor, data: encodeBase64(data) } }
          const statement = {
            ...result.receipt.statement,
            outputDigest: payloadDigest(output, nodeCrypto),
            traceDigest: trace === null ? null : digestBytes('trace', trace, nodeCrypto),
          }
          return {
            v: 1 as const,
            output,
            receipt: signReceipts(key(n), [statement])[0] as Receipt,
            trace,
            attestation: null,
          }
        })
      },
    }
  }

  async function ask(kind: string, sides: { id: string; operator: string; lies: Lies }[]) {
    const dir = mkdtempSync(join(tmpdir(), 'warrant-agree-'))
    const victim = victims[0] as Victim
    const workers = sides.map(({ id, operator }, i) => ({ id, operator, publicKey: key(i + 1).publicKeyHex }))
    const log = openLog({ dir, origin: 'test.example/agree', signer: key(99), clock })
    const queue = createInProcessQueue(sides.map(({ id, lies }, i) => workerOf(id, i + 1, victim.file, lies)))
    const gateway = createGateway({
      log: log.startRun().appender('gateway'),
      queue,
      clock,
      models: [victim.model],
      workers,
      proofOf: () => kind,
      putBlob: bytes => log.putBlob(bytes),
      checks: { kernels: nodeKernels(), randomWords, engine: () => null, modelFile: async () => victim.file },
      sealEvery: null,
      timeoutMs: 10_000,
      requestIs: 'durable',
      signatures: 'atOnce',
    })
    const [honest] = victim.answers as [Victim['answers'][number]]
    const tensor = {
      dtype: 'float32' as const,
      shape: honest.input.shape,
      data: encodeBase64(new Uint8Array(honest.input.data.buffer)),
    }
    const { result } = await gateway.infer({
      agent: 'a',
      tick: 0,
      observation: null,
      model: victim.model.name,
      input: { type: 'tensor', tensor },
    })
    const entries = await log.entries(0, log.size)
    const records = entries.map(decodeRecord)
    const request = records.find(record => record.kind === 'request')
    const response = records.find(record => record.kind === 'response')
    await queue.close()
    await log.close()
    rmSync(dir, { recursive: true })
    if (request?.kind !== 'request' || response?.kind !== 'response') throw new Error('no request')
    const requestLeaf = response.body.request
    /** What a verifier says of an answer, with these workers listed. */
    const verify = (answer: typeof result, listed = workers) => {
      if (answer.status !== 'ok') throw new Error('no answer')
      return verifyProof(
        { request: request.body, requestLeaf, answer, model: victim.model, workers: listed },
        {
          crypto: nodeCrypto,
          engine: null,
          kernels: nodeKernels(),
          attestation: null,
          randomWords,
          modelFile: async () => victim.file,
          blob: async () => new Uint8Array(0),
        },
        () => 0,
      )
    }
    const report = result.status === 'ok' ? await verify(result) : null
    const right =
      result.status === 'ok' && result.output.type === 'tensor' && result.output.tensor.data === honest.output.data
    const incidents = records.flatMap(record =>
      record.kind === 'incident' ? [`${record.body.what}: ${record.body.reason}`] : [],
    )
    return { result, report, verify, workers, right, incidents, caught: gateway.caught }
  }
  const side = (id: string, operator: string, lies: Lies = false) => ({ id, operator, lies })

  test.each(['quorum', 'refereed'] as const)('%s: two honest operators agree, and the verifier accepts', async kind => {
    const { report, right, incidents } = await ask(kind, [side('a', 'one'), side('b', 'two')])
    expect([right, report?.ok, incidents]).toEqual([true, true, []])
  })

  test('refereed: the liar is named by the first op that differs, a third operator agrees with the honest one', async () => {
    const { report, right, incidents, caught } = await ask('refereed', [
      side('liar', 'one', true),
      side('b', 'two'),
      side('c', 'three'),
    ])
    expect([right, report?.ok, caught]).toEqual([true, true, ['liar']])
    expect(incidents).toEqual([
      expect.stringMatching(/^a worker lied: worker liar answered wrongly: refereed: linear op 0/),
    ])
  })

  test('quorum: workers that disagree are on record without blame, the majority counts', async () => {
    const { right, incidents, caught } = await ask('quorum', [
      side('liar', 'one', true),
      side('b', 'two'),
      side('c', 'three'),
    ])
    expect([right, caught]).toEqual([true, []])
    expect(incidents[0]).toMatch(/workers disagreed: workers liar and b/)
  })

  test('one operator with two workers is one voice; two operators that never agree give no answer', async () => {
    const alone = await ask('quorum', [side('a', 'one'), side('b', 'one')])
    expect(alone.result).toMatchObject({ status: 'failed' })
    const apart = await ask('refereed', [side('liar', 'one', true), side('b', 'two')])
    expect(apart.result).toMatchObject({ status: 'failed' })
    expect(apart.caught).toEqual(['liar'])
  })

  test('freivalds+quorum: a pair that colludes agrees in vain, the honest ones are asked', async () => {
    const honest = await ask('freivalds+quorum', [side('a', 'one'), side('b', 'two')])
    expect([honest.right, honest.report?.ok, honest.report?.kind]).toEqual([true, true, 'freivalds+quorum'])
    expect(honest.report?.soundnessBits).toBeGreaterThanOrEqual(60)
    const { right, report, caught, incidents } = await ask('freivalds+quorum', [
      side('liar', 'one', true),
      side('crony', 'two', true),
      side('b', 'three'),
      side('c', 'four'),
    ])
    expect([right, report?.ok, [...caught].sort()]).toEqual([true, true, ['crony', 'liar']])
    expect(incidents.filter(text => text.startsWith('a worker lied'))).toHaveLength(2)
  })

  test('freivalds+quorum: who sends a garbage trace is no reason to strike the honest operator beside it', async () => {
    const { right, report, caught, incidents } = await ask('freivalds+quorum', [
      side('sloppy', 'one', 'garbage'),
      side('b', 'two'),
      side('c', 'three'),
    ])
    expect([right, report?.ok, caught, incidents]).toEqual([true, true, [], []])
  })

  test.each(['refereed', 'quorum', 'freivalds+quorum'])(
    '%s: an answer in another shape convicts its signer alone, and the request is answered',
    async kind => {
      const { right, report, caught, incidents } = await ask(kind, [
        side('odd', 'one', 'misshapen'),
        side('b', 'two'),
        side('c', 'three'),
      ])
      expect([right, report?.ok, caught]).toEqual([true, true, ['odd']])
      expect(incidents).toEqual([expect.stringMatching(/^a worker lied: worker odd answered wrongly: model .* gives/)])
    },
  )

  test('freivalds+quorum: each part must hold, and stand in order, once', async () => {
    const { result, verify } = await ask('freivalds+quorum', [side('a', 'one'), side('b', 'two')])
    if (result.status !== 'ok' || result.proof.kind !== 'all') throw new Error('no agreement')
    const [trace, others] = result.proof.proofs as [SingleProof, SingleProof]
    const told = async (proofs: SingleProof[]) => (await verify({ ...result, proof: { kind: 'all', proofs } })).detail
    expect(await told([trace, { kind: 'quorum', receipts: [result.receipt] }])).toContain('signed twice')
    const spoilt: SingleProof = { kind: 'freivalds', trace: { inline: 'AAAA' } }
    expect(await told([spoilt, others])).toContain('does not have the digest')
    for (const proofs of [[others, trace], [trace, trace], [trace]])
      expect(proof.safeParse({ kind: 'all', proofs }).success).toBe(false)
  })

  test.each(['quorum', 'refereed'] as const)(
    '%s: what does not come from two operators is refused, and says why',
    async kind => {
      const { result, verify, workers } = await ask(kind, [side('a', 'one'), side('b', 'two')])
      if (result.status !== 'ok' || !('receipts' in result.proof)) throw new Error('no agreement')
      const [other] = result.proof.receipts as [Receipt]
      const told = async (receipts: Receipt[], listed = workers) =>
        (await verify({ ...result, proof: { kind, receipts } }, listed)).detail
      expect(await told([result.receipt])).toContain('signed twice')
      expect(
        await told(
          [other],
          workers.map(worker => ({ ...worker, operator: 'one' })),
        ),
      ).toContain('signed twice')
      expect(await told([other], workers.slice(0, 1))).toContain('not listed')
      expect(await told([{ ...other, signature: result.receipt.signature }])).toContain('signature')
      const output = { ...other.statement, outputDigest: '00'.repeat(32) }
      expect(await told([{ ...other, statement: output }])).toContain('receipt.outputDigest')
      const nonce = { ...other.statement, nonce: '11'.repeat(32) }
      expect(await told([{ ...other, statement: nonce }])).toContain('receipt.nonce')
      if (kind === 'refereed') {
        // The second worker's own key: another trace for the same output.
        const statement = { ...other.statement, traceDigest: '22'.repeat(32) }
        const n = workers.findIndex(({ id }) => id === other.statement.worker) + 1
        expect(await told([signReceipts(key(n), [statement])[0] as Receipt])).toContain('different accumulators')
      }
    },
  )
})
