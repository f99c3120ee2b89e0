import { InferenceSession, Tensor } from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { nodeKernels, randomWords } from '#runtime/crypto/nodeKernels.ts'
import { createEmitter } from '#runtime/model/compile/emitter.ts'
import { prepareTraceCheck } from '#verifier/proof/freivalds/traceCheck.ts'
import { readIntGraph } from './intGraph.ts'
import { multiplyDirectly, runGraph } from './runGraph.ts'

const WIDTH = 4
type Emitter = ReturnType<typeof createEmitter>

/** A graph: the input as uint8 not below `least`, times weights; `follow` makes the rest of the accumulators. */
function graphOf(
  follow: (emitter: Emitter, accumulators: string) => string,
  { weight = 1, least = 128 } = {},
): Uint8Array {
  const emitter = createEmitter({ name: 'x', shape: [1, WIDTH] })
  const x = emitter.toUint8(emitter.emit('Mul', ['x', emitter.float([1])]), least)
  const y = emitter.linear(x, new Int8Array(WIDTH * WIDTH).fill(weight), WIDTH, WIDTH)
  const last = follow(emitter, y)
  emitter.emit('Mul', [last, emitter.float([1])], {}, 'y')
  return emitter.finish({ name: 'y', shape: [1, WIDTH] })
}
const asFloat = (emitter: Emitter, from: string, factor: number) =>
  emitter.emit('Mul', [emitter.cast(from, 'float32'), emitter.float([factor])])

/** The same bits from the interpreter, a check's passes and onnxruntime, optimised and not. */
async function expectSame(file: Uint8Array, rows: number[][]): Promise<Float32Array> {
  const graph = readIntGraph(file)
  const data = Float32Array.from(rows.flat())
  const input = { shape: [rows.length, WIDTH], data }
  const parts: Uint8Array[] = []
  const output = runGraph(graph, input, {
    multiply(call) {
      const y = multiplyDirectly(call)
      parts.push(new Uint8Array(y.buffer))
      return y
    },
  })
  const random = (_: number, words: Int32Array) => randomWords(words)
  const check = prepareTraceCheck({ graph, kernels: nodeKernels(), columns: 2, random })
  expect(check.check(input, output, Buffer.concat(parts))).toBe(null)
  for (const graphOptimizationLevel of ['all', 'disabled'] as const) {
    const session = await InferenceSession.create(file, { graphOptimizationLevel, logSeverityLevel: 4 })
    const results = await session.run({ x: new Tensor('float32', data, input.shape) })
    expect(
      Buffer.compare(
        Buffer.from(output.buffer),
        Buffer.from(Float32Array.from(results.y?.data as ArrayLike<number>).buffer),
      ),
    ).toBe(0)
    await session.release()
  }
  return output
}

const ROWS = [
  [0, 1, 2, 3],
  [127, 127, 127, 127],
  [-5, 0.4, 60, 1e30],
]

describe('what is accepted equals onnxruntime to the bit', () => {
  test.each([-40_000, -128, -1, 0.5, 1, 128])(
    'a Clip from %f before a Cast: no pass takes a bound that it cannot hold',
    async least => {
      const file = graphOf((emitter, y) => {
        const shifted = emitter.emit('Add', [emitter.emit('Round', [asFloat(emitter, y, 0.2)]), emitter.float([128])])
        const clipped = emitter.emit('Clip', [shifted, emitter.float([least]), emitter.float([255])])
        return emitter.cast(
          emitter.cast(least === 0.5 ? emitter.emit('Round', [clipped]) : clipped, 'uint8'),
          'float32',
        )
      })
      await expectSame(file, ROWS)
    },
  )

  test('a root is rounded to float32 before it is a place in a table', () => {
    let above = 0
    for (let hi = 2; hi < 500; hi += 3) {
      const file = graphOf((emitter, y) => {
        const bounded = emitter.emit('Clip', [emitter.cast(y, 'float32'), emitter.float([1]), emitter.float([hi])])
        return emitter.emit('Sqrt', [bounded])
      })
      const graph = readIntGraph(file)
      const type = graph.values[graph.steps.find(({ op }) => op === 'Sqrt')?.output ?? 0]
      expect(type?.hi).toBe(Math.fround(Math.sqrt(hi)))
      if (Math.fround(Math.sqrt(hi)) > Math.sqrt(hi)) above++
    }
    expect(above).toBeGreaterThan(10)
  })

  test('a pad that is no whole number is not cast', () => {
    const file = graphOf((emitter, y) => {
      const padded = emitter.emit('Pad', [
        emitter.cast(y, 'float32'),
        emitter.int64([0, 0, 0, 1]),
        emitter.float([0.5]),
      ])
      const cast = emitter.cast(emitter.cast(padded, 'int32'), 'float32')
      return emitter.emit('Gather', [cast, emitter.int64([0, 1, 2, 4])], { axis: 1 })
    })
    expect(() => readIntGraph(file)).toThrow('does not fit int32')
  })

  test.each([
    [
      'a Clip at +0 of what may be −0',
      (e: Emitter, y: string) => e.emit('Clip', [asFloat(e, y, -1), e.float([0]), e.float([9])]),
      'a bound is zero',
    ],
    [
      'a Clip up to +0',
      (e: Emitter, y: string) => e.emit('Clip', [asFloat(e, y, -1), e.float([-9]), e.float([0])]),
      'a bound is zero',
    ],
    [
      'a Clip at −0',
      (e: Emitter, y: string) =>
        e.emit('Clip', [e.cast(y, 'float32'), e.constant('float32', Float32Array.of(-0), []), e.float([9])]),
      'a bound is zero',
    ],
    [
      '+0 added to what may be −0',
      (e: Emitter, y: string) => e.emit('Add', [asFloat(e, y, -1), e.float([0])]),
      'adds a constant zero',
    ],
    [
      'a constant divided',
      (e: Emitter, y: string) =>
        e.emit('Div', [e.float([1]), e.emit('Clip', [e.cast(y, 'float32'), e.float([1]), e.float([9])])]),
      'of a constant',
    ],
  ])('%s is refused: engines differ there', (_what, follow, reason) => {
    expect(() => readIntGraph(graphOf(follow))).toThrow(reason)
  })

  test('zeros of whole numbers are plain: a Clip from 0, and an added 0, are the same everywhere', async () => {
    const file = graphOf(
      (emitter, y) =>
        emitter.emit('Add', [
          emitter.emit('Clip', [emitter.cast(y, 'float32'), emitter.float([0]), emitter.float([9])]),
          emitter.float([0]),
        ]),
      { least: 1, weight: -1 },
    )
    expect((await expectSame(file, ROWS)).some(value => Object.is(value, -0))).toBe(false)
  })
})
