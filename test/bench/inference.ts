import { getRandomValues } from 'node:crypto'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { nodeKernels } from '#runtime/crypto/nodeKernels.ts'
import { type LinearOp, prepareLinearCheck } from '#verifier/proof/freivalds/linearCheck.ts'
import { type Figure, quantile, reported } from './figure.ts'
import { mlpModel } from './mlpModel.ts'

/** The reference model: 33.6M parameters, eight layers between 1024 and 4096. */
const LAYERS = Array.from({ length: 8 }, (_, i) => (i % 2 === 0 ? { k: 1_024, n: 4_096 } : { k: 4_096, n: 1_024 }))
const COLUMNS = 2

/**
 * What checking the reference model's linear ops costs beside running it: onnxruntime in float32 on two threads, against
 * Freivalds' check of the same layers in int8 on one, at 2^-64. Not in it: digest and signature of the trace, and the
 * operations between the layers.
 */
export async function inferenceBench(): Promise<Figure[]> {
  const kernels = nodeKernels()
  const secret = (words: Int32Array) => {
    for (let at = 0; at < words.length; at += 16_384) getRandomValues(words.subarray(at, at + 16_384))
  }
  const ops: LinearOp[] = LAYERS.map(({ k, n }, i) => ({ k, n, weights: bytes(k * n, i + 1), bias: null }))
  const since = performance.now()
  const checks = ops.map(op => prepareLinearCheck({ kernels, op, columns: COLUMNS, random: secret }))
  const prepared = performance.now() - since
  const figures: Figure[] = [
    reported(
      'freivalds-prepare',
      prepared,
      'ms',
      `W·R of ${LAYERS.length} layers, ${COLUMNS} columns, once per model and coins`,
    ),
  ]
  const session = await InferenceSession.create(mlpModel(LAYERS), { intraOpNumThreads: 2, interOpNumThreads: 1 })
  for (const [batch, rounds] of [
    [1, 20],
    [64, 5],
  ] as const) {
    const input = new Tensor('float32', new Float32Array(batch * 1_024).fill(0.01), [batch, 1_024])
    const execution = await median(rounds, () => session.run({ x: input }))
    const inputs = ops.map((op, i) => bytes(batch * op.k, 100 + i))
    const traces = ops.map((op, i) => accumulators(inputs[i] as Int8Array, op, batch))
    const checking = await median(rounds, async () => {
      for (const [i, check] of checks.entries()) {
        const fault = check.check(inputs[i] as Int8Array, traces[i] as Int32Array, batch)
        if (fault !== null) throw new Error(`the bench's own accumulators are refused: ${fault}`)
      }
    })
    figures.push({
      ...reported(
        `freivalds-linear-b${batch}`,
        (100 * checking) / execution,
        '% of execution',
        'all linear ops, 2^-64, one thread',
      ),
      baseline: `${checking.toFixed(2)} ms beside ${execution.toFixed(1)} ms of onnxruntime float32, two threads`,
    })
  }
  await session.release()
  return figures
}

async function median(rounds: number, work: () => Promise<unknown>): Promise<number> {
  await work()
  const times: number[] = []
  for (let i = 0; i < rounds; i++) {
    const since = performance.now()
    await work()
    times.push(performance.now() - since)
  }
  return quantile(times, 0.5)
}

function bytes(length: number, seed: number): Int8Array {
  let state = 2 * seed + 1
  return Int8Array.from({ length }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) | 0
    // Seven bits: no kernel saturates on them.
    return (state >> 16) % 64
  })
}

/** X·W by the definition, row by row. */
function accumulators(x: Int8Array, { k, n, weights }: LinearOp, m: number): Int32Array {
  const y = new Int32Array(m * n)
  for (let i = 0; i < m; i++) {
    const row = y.subarray(i * n, (i + 1) * n)
    for (let l = 0; l < k; l++) {
      const factor = x[i * k + l] as number
      const from = l * n
      for (let j = 0; j < n; j++) row[j] = (row[j] as number) + factor * (weights[from + j] as number)
    }
  }
  return y
}
