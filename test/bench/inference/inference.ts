import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node'
import { ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { nodeKernels, randomWords } from '#runtime/crypto/nodeKernels.ts'
import { compileModel } from '#runtime/model/compile/compileModel.ts'
import { lowerTables } from '#runtime/model/lowerTables.ts'
import { median } from '#runtime/model/median.ts'
import { withTensors } from '#runtime/model/withTensors.ts'
import { signReceipts } from '#runtime/worker/receiptBatch.ts'
import { digestBytes } from '#verifier/evidence/digest.ts'
import type { Receipt, ReceiptStatement } from '#verifier/evidence/records/receipt.ts'
import { readIntGraph } from '#verifier/model/intGraph.ts'
import { publicCoins } from '#verifier/proof/freivalds/publicCoins.ts'
import { prepareTraceCheck } from '#verifier/proof/freivalds/traceCheck.ts'
import { receiptFault } from '#verifier/proof/receipt.ts'
import { atMost, type Figure, reported } from '../figure.ts'
import { gatewayFigures } from './gateway.ts'
import { mlpModel } from './mlpModel.ts'
import { conv1dModel, encoderModel } from './otherModels.ts'

/** The reference model: 33.6M parameters, eight layers between 1024 and 4096. */
const LAYERS = Array.from({ length: 8 }, (_, i) => (i % 2 === 0 ? { k: 1_024, n: 4_096 } : { k: 4_096, n: 1_024 }))
const WIDTH = 1_024
const signer = ed25519Signer(new Uint8Array(32).fill(5))

type Traced = { output: Float32Array; trace: Uint8Array }

/**
 * What checking costs beside running, in one run: execution is onnxruntime on the float32 model with two threads; a check is
 * everything that a verifier does for one proof, on one: trace digest, signature, kernels, recomputation.
 */
export async function inferenceBench(): Promise<Figure[]> {
  const floatFile = mlpModel(LAYERS)
  const samples = { shape: [4, WIDTH], data: inputs(4 * WIDTH) }
  const { file } = await compileModel(floatFile, samples)
  const graph = readIntGraph(file)
  const names = graph.linear.map(({ output }) => output)
  const open = (bytes: Uint8Array, intraOpNumThreads: number) =>
    InferenceSession.create(bytes, { intraOpNumThreads, interOpNumThreads: 1, logSeverityLevel: 4 })
  const [float, bare, traced] = await Promise.all([
    open(floatFile, 2),
    open(file, 2),
    open(withTensors(file, graph, names), 2),
  ])

  const since = performance.now()
  const check = prepareTraceCheck({
    graph,
    kernels: nodeKernels(),
    columns: 2,
    random: (_, words) => randomWords(words),
  })
  const figures: Figure[] = [
    reported(
      'freivalds-prepare',
      performance.now() - since,
      'ms',
      'W·R of 33.6M weights, two columns: once per model and coins',
    ),
  ]
  const executed = new Map<number, { floatMs: number; bareMs: number; tracedMs: number; answer: Traced }>()
  // A check of one answer takes a fraction of a millisecond: as many as it takes until its code is compiled.
  for (const [batch, rounds, checks] of [
    [1, 31, 401],
    [64, 9, 41],
  ] as const) {
    const data = inputs(batch * WIDTH)
    const feeds = { x: new OrtTensor('float32', data, [batch, WIDTH]) }
    const floatMs = await median(rounds, () => float.run(feeds))
    const bareMs = await median(rounds, () => bare.run(feeds))
    let results = await traced.run(feeds)
    const collect = (): Traced => ({
      output: results[graph.output.name]?.data as Float32Array,
      trace: Buffer.concat(
        names.map(name => {
          const y = results[name]?.data as Int32Array
          return new Uint8Array(y.buffer, y.byteOffset, y.byteLength)
        }),
      ),
    })
    // What a worker does more: the trace among the outputs, its digest, a signed receipt.
    const tracedMs = await median(rounds, async () => {
      results = await traced.run(feeds)
      receiptOf(collect().trace)
    })
    const answer = collect()
    const receipt = receiptOf(answer.trace)
    const kernelMs = await median(checks, async () =>
      demandNull(check.check({ shape: [batch, WIDTH], data }, answer.output, answer.trace)),
    )
    const digestMs = await median(rounds, async () => digestBytes('trace', answer.trace, nodeCrypto))
    const verifyMs = await median(checks, async () => {
      if (digestBytes('trace', answer.trace, nodeCrypto) !== receipt.statement.traceDigest) throw new Error('digest')
      demandNull(receiptFault(nodeCrypto, receipt, signer.publicKeyHex))
      demandNull(check.check({ shape: [batch, WIDTH], data }, answer.output, answer.trace))
    })
    executed.set(batch, { floatMs, bareMs, tracedMs, answer })
    const baseline = `float32 on two threads ${floatMs.toFixed(1)} ms; integers ${bareMs.toFixed(1)} ms`
    figures.push(
      {
        ...atMost(
          `freivalds-private-b${batch}`,
          (100 * verifyMs) / floatMs,
          '% of execution',
          batch === 1 ? 2.5 : 14,
          `${verifyMs.toFixed(2)} ms, of which SHA-256 of ${answer.trace.length} bytes ${digestMs.toFixed(2)} ms`,
        ),
        baseline,
      },
      {
        ...atMost(
          `freivalds-kernel-b${batch}`,
          (100 * kernelMs) / floatMs,
          '% of execution',
          batch === 1 ? 1.5 : 6,
          `${kernelMs.toFixed(2)} ms`,
        ),
        baseline,
      },
      {
        ...reported(
          `freivalds-replay-b${batch}`,
          (100 * verifyMs) / bareMs,
          '% of batched replay',
          'the same check beside running the integer model again on two threads',
        ),
        baseline,
      },
    )
  }
  const b64 = executed.get(64) as NonNullable<ReturnType<typeof executed.get>>
  figures.push({
    ...atMost(
      'prover-overhead-b64',
      b64.tracedMs / b64.bareMs,
      '× bare',
      1.15,
      `trace, digest and signed receipt; ${(b64.tracedMs / b64.floatMs).toFixed(2)} × the float32 model`,
    ),
    baseline: `integers ${b64.bareMs.toFixed(1)} ms, float32 ${b64.floatMs.toFixed(1)} ms`,
  })

  // An epoch in public: 256 answers under coins that anybody derives, W·R and every digest included.
  const epoch = 4
  const data = inputs(64 * WIDTH)
  const replayMs = await median(5, async () => {
    for (let i = 0; i < epoch; i++) await bare.run({ x: new OrtTensor('float32', data, [64, WIDTH]) })
  })
  const answer = b64.answer
  const publicMs = await median(3, async () => {
    const coins = publicCoins(nodeCrypto, {
      origin: 'bench',
      size: 1_000,
      root: '00'.repeat(32),
      model: '11'.repeat(32),
    })
    const open = prepareTraceCheck({ graph, kernels: nodeKernels(), columns: 4, random: coins })
    for (let i = 0; i < epoch; i++) {
      // One digest for each of the 64 answers of a batch.
      for (let row = 0; row < 64; row++)
        digestBytes(
          'trace',
          answer.trace.subarray((row * answer.trace.length) / 64, ((row + 1) * answer.trace.length) / 64),
          nodeCrypto,
        )
      demandNull(open.check({ shape: [64, WIDTH], data }, answer.output, answer.trace))
    }
  })
  figures.push({
    ...atMost(
      'freivalds-public-epoch256',
      publicMs / replayMs,
      '× batched replay',
      0.6,
      `${publicMs.toFixed(0)} ms at 2^-125, one thread`,
    ),
    baseline: `the integer model again, batches of 64, two threads: ${replayMs.toFixed(0)} ms`,
  })
  figures.push(...(await gatewayFigures({ file, session: bare, width: WIDTH })))
  for (const [id, made] of [
    ['conv1d', conv1dModel()],
    ['encoder', encoderModel()],
  ] as const)
    figures.push(await otherFigure(id, made))
  for (const session of [float, bare, traced]) await session.release()
  return figures
}

/** Checking another model beside running it. */
async function otherFigure(
  id: string,
  { file: source, shape, what }: { file: Uint8Array; shape: number[]; what: string },
): Promise<Figure> {
  const count = shape.reduce((a, b) => a * b, 1)
  const { file, loss } = await compileModel(source, { shape: [4, ...shape.slice(1)], data: inputs(4 * count) })
  const graph = readIntGraph(file)
  const names = graph.linear.map(({ output }) => output)
  const float = await InferenceSession.create(source, { intraOpNumThreads: 2, logSeverityLevel: 4 })
  const traced = await InferenceSession.create(withTensors(lowerTables(file, graph), graph, names), {
    intraOpNumThreads: 2,
    logSeverityLevel: 4,
  })
  const data = inputs(count)
  const feeds = { x: new OrtTensor('float32', data, shape) }
  const floatMs = await median(15, () => float.run(feeds))
  const results = await traced.run(feeds)
  const trace = Buffer.concat(
    names.map(name => {
      const y = results[name]?.data as Int32Array
      return new Uint8Array(y.buffer, y.byteOffset, y.byteLength)
    }),
  )
  const output = results[graph.output.name]?.data as Float32Array
  const check = prepareTraceCheck({
    graph,
    kernels: nodeKernels(),
    columns: 2,
    random: (_, words) => randomWords(words),
  })
  const verifyMs = await median(15, async () => {
    digestBytes('trace', trace, nodeCrypto)
    demandNull(check.check({ shape, data }, output, trace))
  })
  await float.release()
  await traced.release()
  return {
    ...reported(
      id,
      (100 * verifyMs) / floatMs,
      '% of execution',
      `${what}: ${verifyMs.toFixed(2)} ms, trace ${trace.length} bytes, ${(100 * loss).toFixed(1)} % lost to integers`,
    ),
    baseline: `float32 on two threads ${floatMs.toFixed(2)} ms`,
  }
}

function receiptOf(trace: Uint8Array): Receipt {
  const digest = '22'.repeat(32)
  const statement: ReceiptStatement = {
    nonce: digest,
    model: digest,
    numeric: 'int-exact-v1',
    inputDigest: digest,
    outputDigest: digest,
    proofKind: 'freivalds',
    traceDigest: digestBytes('trace', trace, nodeCrypto),
    worker: 'worker-1',
    runtime: 'bench',
    startedMs: 1,
    finishedMs: 2,
  }
  return signReceipts(signer, [statement])[0] as Receipt
}

function inputs(length: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => Math.sin(i * 12.9898) * 2)
}

function demandNull(fault: unknown): void {
  if (fault !== null) throw new Error(`the bench's own answer is refused: ${JSON.stringify(fault)}`)
}
