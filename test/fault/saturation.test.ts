import { describe, expect, test } from 'vitest'
import { compileModel } from '#runtime/model/compile/compileModel.ts'
import { lowerSaturating } from '#runtime/model/lowerSaturating.ts'
import { furthestPair, saturatingOps } from '#runtime/model/saturation.ts'
import { loadIntModel } from '#runtime/worker/intModel.ts'
import { identifyModel } from '#runtime/worker/onnxEngine.ts'
import { toBase64 } from '#verifier/evidence/bytes.ts'
import type { IntGraph } from '#verifier/model/intGraph.ts'
import { multiplyDirectly, runGraph } from '#verifier/model/runGraph.ts'
import { floatModel, randomSamples } from '../attack/inference/floatModels.ts'
import { FAMILIES } from '../attack/inference/intModels.ts'
import { multiplierOf, multiplySaturating } from '../support/saturatingKernels.ts'
import { seededRandom } from './seededRandom.ts'

const SEED = 1
const WIDTH = 16
const ROWS = 64

/** Two layers at 8 bits: a value reaches the second only where an input lies far above the one after the next. */
async function twoLayers() {
  const random = seededRandom(SEED)
  const model = floatModel([1, WIDTH], random)
  const hidden = 2 * WIDTH
  const first = model.floats([WIDTH, hidden], i => {
    const [row, column] = [Math.floor(i / hidden), Math.floor((i % hidden) / 2)]
    return row === column ? 1 : row === (column + 2) % WIDTH ? -1 : 0
  })
  const bias = model.floats([hidden], () => -1.5)
  const second = model.floats([hidden, 4], i => 0.2 * random() + ((i >> 3) % 6 === 1 ? 1 : 0))
  const layer = model.op('Relu', [model.op('Gemm', ['x', first, bias])])
  const file = model.finish(model.op('Gemm', [layer, second, model.floats([4])]))
  return compileModel(file, randomSamples(ROWS, [1, WIDTH], random), 8)
}

/** What a worker runs when it loads a model: both ends, alternating, and one row in between. */
function atStart(): { shape: number[]; data: Float32Array } {
  let state = 1
  const next = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return (state / 2 ** 32 - 0.5) * 8
  }
  const rows = [() => 1e30, () => -1e30, (i: number) => (i % 2 === 0 ? 1e30 : -1e30), next].flatMap(of =>
    Array.from({ length: WIDTH }, (_, i) => of(i)),
  )
  return { shape: [4, WIDTH], data: Float32Array.from(rows) }
}

const differing = (graph: IntGraph, rows: { shape: number[]; data: Float32Array }, file: Uint8Array) => {
  const width = rows.data.length / (rows.shape[0] as number)
  let count = 0
  for (let row = 0; row < (rows.shape[0] as number); row++) {
    const input = { shape: [1, ...rows.shape.slice(1)], data: rows.data.slice(row * width, (row + 1) * width) }
    const right = runGraph(graph, input, { multiply: multiplyDirectly })
    const here = runGraph(graph, input, { multiply: multiplierOf(file) })
    if (Buffer.compare(Buffer.from(right.buffer), Buffer.from(here.buffer)) !== 0) count++
  }
  return count
}

describe('a processor whose kernels add pairs of products in 16 bits', () => {
  test('two layers at 8 bits: honest answers would be refused as lies; as a worker runs them there, none is', async () => {
    const { file, graph } = await twoLayers()
    const inputs = randomSamples(ROWS, [1, WIDTH], seededRandom(8))
    expect(differing(graph, atStart(), file)).toBe(0)
    expect(differing(graph, inputs, file)).toBeGreaterThan(ROWS / 4)
    expect(saturatingOps(graph).length).toBeGreaterThan(0)
    expect(differing(graph, inputs, lowerSaturating(file, graph))).toBe(0)
  })

  test.each(['exact', 'saturating', 'unknown'] as const)(
    'kernels that are %s: this machine answers as the reference',
    async kernels => {
      const { file, graph } = await twoLayers()
      const identity = await identifyModel('two-layers', file)
      // A machine that saturates cannot stand in for one that does not.
      const model = await loadIntModel(identity, file, kernels === 'exact' ? {} : { kernels })
      const { data } = randomSamples(ROWS, [1, WIDTH], seededRandom(8))
      const answers = await model.runTraced([
        { dtype: 'float32', shape: [ROWS, WIDTH], data: toBase64(new Uint8Array(data.buffer)) },
      ])
      const expected = runGraph(graph, { shape: [ROWS, WIDTH], data })
      expect(answers[0]?.output.data).toBe(toBase64(new Uint8Array(expected.buffer)))
      await model.close()
    },
  )

  test.each(Object.keys(FAMILIES))(
    '%s: what is found not to saturate does not, and what is lowered is exact',
    async family => {
      for (const [seed, bits] of [
        [2, 8],
        [4, 8],
        [3, 7],
      ] as const) {
        const random = seededRandom(seed)
        const made = FAMILIES[family]?.(random) as { file: Uint8Array; shape: number[] }
        const { file, graph } = await compileModel(made.file, randomSamples(32, made.shape, random), bits)
        if (bits === 7) expect(saturatingOps(graph)).toEqual([])
        const inputs = randomSamples(6, made.shape, random)
        for (let i = 0; i < inputs.data.length; i++)
          if (random() < 0.3) inputs.data[i] = (inputs.data[i] as number) * 1e6
        expect(differing(graph, inputs, lowerSaturating(file, graph))).toBe(0)
      }
    },
  )
})

describe('the furthest pair', () => {
  const pairOf = (weights: number[], n: number, lo = 1, hi = 255) =>
    furthestPair(Int8Array.from(weights), { k: weights.length / n, n }, { lo, hi })

  test.each([
    [[64, 64], 1, 1, 255, 32_640],
    [[64, 65], 1, 1, 255, 32_895],
    [[-64, -64], 1, 1, 255, -32_640],
    [[-64, -65], 1, 1, 255, -32_895],
    // Signs that differ: each meets the end of the range that serves it.
    [[127, -128, 127], 1, 1, 255, -32_513],
    [[127, 127], 1, 0, 128, 32_512],
    // Neighbours along K, not along N; and pairs that another packing would make.
    [[127, 127, 0, 0], 2, 1, 255, 32_385],
    [[0, 127, 127, 0], 1, 1, 255, 64_770],
    [[0, 0, -128], 1, 1, 255, -32_640],
  ] as const)('weights %j in %i columns, inputs %i to %i: %i', (weights, n, lo, hi, expected) => {
    expect(pairOf([...weights], n, lo, hi)).toBe(expected)
  })

  test('random ops: an op that is not found never differs on a kernel that saturates', () => {
    const random = seededRandom(11)
    let found = 0
    for (let round = 0; round < 300; round++) {
      const [k, n] = [1 + Math.floor(random() * 9), 1 + Math.floor(random() * 4)]
      const most = 30 + Math.floor(random() * 99)
      const weights = Int8Array.from({ length: k * n }, () => Math.round((2 * random() - 1) * most))
      const [lo, hi] = random() < 0.5 ? [1, 255] : [128, 255]
      const reaches = furthestPair(weights, { k, n }, { lo, hi })
      if (reaches > 32_767 || reaches < -32_768) {
        found++
        continue
      }
      for (let i = 0; i < 8; i++) {
        const x = Int8Array.from(
          { length: k },
          () => (random() < 0.7 ? (random() < 0.5 ? lo : hi) : lo + Math.floor(random() * (hi - lo + 1))) - 128,
        )
        const spec = { k, n, rows: 1, weights, name: '', output: '', type: null as never }
        const call = { index: 0, spec, matrices: 1, m: 1, x, right: weights, dims: [1, n] }
        expect(multiplySaturating(call)).toEqual(multiplyDirectly(call))
      }
    }
    expect(found).toBeGreaterThan(30)
  })
})
