import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nodeKernels } from '#runtime/crypto/nodeKernels.ts'

const workspace = nodeKernels().workspace()
const { kernels } = workspace

/** Round to nearest even of a float32, by its definition. */
function round(x: number): number {
  const floor = Math.floor(x)
  const rest = x - floor
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1
  return floor % 2 === 0 ? floor : floor + 1
}
const clipped = (x: number, least: number) => Math.min(Math.max(round(x) + 128, least), 255) - 128

function sameAsSteps(acc: Int32Array, bias: Int32Array, factors: Float32Array, least: number, wide: number): void {
  const n = bias.length
  const scaled = Float32Array.from(acc, (word, i) => {
    const sum = Math.fround((word + (bias[i % n] as number)) | 0)
    return Math.fround(sum * (factors[i % n] as number))
  })
  workspace.begin(8 * acc.length + 8 * n + 4 * acc.length + 1_024)
  const [y, b, f] = [workspace.put(acc), workspace.put(bias), workspace.put(factors)]
  const [out, unsigned, floats] = [
    workspace.room(acc.length),
    workspace.room(acc.length),
    workspace.room(4 * acc.length),
  ]
  kernels.requantise(y, acc.length / n, n, b, f, wide, least, out)
  kernels.fromZero(out, acc.length, unsigned)
  kernels.scale(y, acc.length / n, n, b, f, floats)
  const expected = Int8Array.from(scaled, x => clipped(x, least))
  expect([...new Int8Array(workspace.buffer(), out, acc.length)]).toEqual([...expected])
  expect([...workspace.bytes(unsigned, acc.length)]).toEqual(Array.from(expected, x => x + 128))
  expect(new Float32Array(workspace.buffer(), floats, acc.length)).toEqual(scaled)
}

const shape = fc.record({
  m: fc.integer({ min: 1, max: 4 }),
  n: fc.oneof(fc.integer({ min: 1, max: 70 }), fc.constantFrom(1_023, 1_024, 1_025, 1_041, 2_050)),
  least: fc.constantFrom(0, 1, 64, 128),
})
const ends = [-(2 ** 31), 2 ** 31 - 1, 0, -1, 1]
const words = (most: number) =>
  fc.oneof(fc.integer({ min: -most, max: most - 1 }), fc.constantFrom(...ends.filter(end => Math.abs(end) <= most)))

describe('what lies between two linear ops, in one pass', () => {
  test('any accumulators and factors: the bits of the single steps', () => {
    fc.assert(
      fc.property(
        shape,
        fc.infiniteStream(words(2 ** 31)),
        fc.infiniteStream(fc.float({ noNaN: true, min: -8, max: 8 })),
        ({ m, n, least }, some, factors) => {
          const take = (count: number) => Int32Array.from({ length: count }, () => some.next().value)
          const by = Float32Array.from({ length: n }, () => factors.next().value)
          sameAsSteps(take(m * n), take(n), by, least, 1)
        },
      ),
      { numRuns: 300 },
    )
  })

  test('products below 2^22, halves among them: the same without the bound', () => {
    fc.assert(
      fc.property(
        shape,
        fc.infiniteStream(words(2 ** 25)),
        fc.infiniteStream(fc.constantFrom(0.5, 0.25, 0.125, 0.031_25, 0.062_499_9, 1e-4, -0.5)),
        ({ m, n, least }, some, factors) => {
          const by = Float32Array.from({ length: n }, () => factors.next().value / 8)
          const take = (count: number, least: number) =>
            Int32Array.from({ length: count }, () => Math.trunc(some.next().value / least))
          sameAsSteps(take(m * n, 1), take(n, 16), by, least, 0)
          // Small ones, where halves are.
          sameAsSteps(take(m * n, 2 ** 17), new Int32Array(n), new Float32Array(n).fill(0.5), least, 0)
        },
      ),
      { numRuns: 300 },
    )
  })

  test('an input: quantised by the same steps', () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 70 }),
        fc.float({ noNaN: true, min: Math.fround(1e-3), max: Math.fround(1e3) }),
        (values, factor) => {
          const x = Float32Array.from(values)
          workspace.begin(8 * x.length + 256)
          const [at, out] = [workspace.put(x), workspace.room(x.length)]
          kernels.quantise(at, x.length, factor, 0, out)
          const expected = Array.from(x, value => clipped(Math.fround(value * factor), 0))
          expect([...new Int8Array(workspace.buffer(), out, x.length)]).toEqual(expected)
        },
      ),
      { numRuns: 500 },
    )
  })
})
