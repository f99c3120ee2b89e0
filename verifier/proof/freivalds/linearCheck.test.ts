import { getRandomValues } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nodeKernels } from '#runtime/crypto/nodeKernels.ts'
import { multiply } from '#verifier/model/linear.ts'
import { type LinearOp, prepareLinearCheck, roomFor, scratchFor, scratchToPrepare } from './linearCheck.ts'

const secret = (words: Int32Array) => void getRandomValues(words)

/** A check of one op, and a way to ask it with plain arrays. */
function checkOf(op: LinearOp, columns: number) {
  const workspace = nodeKernels().workspace()
  const kept = workspace.keep(roomFor(op, columns))
  workspace.begin(scratchToPrepare(op, columns))
  let next = kept
  const room = (bytes: number) => {
    const at = (next + 15) & ~15
    next = at + bytes
    return at
  }
  const check = prepareLinearCheck({ workspace, op, columns, random: secret, room })
  return {
    soundnessBits: check.soundnessBits,
    holds(x: Int8Array, y: Int32Array, m: number): boolean {
      workspace.begin(x.byteLength + y.byteLength + scratchFor(m, columns) + 64)
      return check.holds(workspace.put(x), workspace.put(y), m)
    },
  }
}

const sizes = fc.record({
  m: fc.integer({ min: 1, max: 9 }),
  k: fc.integer({ min: 1, max: 40 }),
  n: fc.integer({ min: 1, max: 40 }),
  columns: fc.integer({ min: 1, max: 4 }),
  seed: fc.nat(),
})

/** Values over the whole of int8, its ends often among them. */
function bytes(length: number, seed: number): Int8Array {
  let state = (2 * seed + 1) | 0
  return Int8Array.from({ length }, () => {
    state = Math.imul(state, 1_103_515_245) + 12_345
    const word = (state >>> 16) & 0x1ff
    return word < 256 ? word - 128 : word % 2 === 0 ? -128 : 127
  })
}

describe('Freivalds on one linear op', () => {
  test('right accumulators pass; one that is changed anywhere, by anything, does not', () => {
    fc.assert(
      fc.property(sizes, fc.nat(), fc.integer({ min: 1, max: 2 ** 31 - 1 }), ({ m, k, n, columns, seed }, at, by) => {
        const weights = bytes(k * n, seed)
        const x = bytes(m * k, seed + 1)
        const y = multiply(x, weights, { m, k, n })
        const check = checkOf({ k, n, weights }, columns)
        expect(check.soundnessBits).toBe(32 * columns)
        expect(check.holds(x, y, m)).toBe(true)
        const wrong = y.slice()
        wrong[at % wrong.length] = (wrong[at % wrong.length] as number) + by
        expect(check.holds(x, wrong, m)).toBe(false)
      }),
      { numRuns: 300 },
    )
  })

  test.each([
    [1, 4_095, 33],
    [3, 2_041, 8],
    [2, 8_192, 5],
  ])('long sums of the largest values: %i × %i × %i', (m, k, n) => {
    for (const value of [127, -128]) {
      const weights = new Int8Array(k * n).fill(value)
      const x = new Int8Array(m * k).fill(-128)
      const y = multiply(x, weights, { m, k, n })
      const check = checkOf({ k, n, weights }, 2)
      expect(check.holds(x, y, m)).toBe(true)
      y[y.length - 1] = (y.at(-1) as number) ^ 1
      expect(check.holds(x, y, m)).toBe(false)
    }
  })

  test('errors that cancel in sums of rows, columns or both are seen', () => {
    const [m, k, n] = [4, 16, 12]
    const weights = bytes(k * n, 5)
    const x = bytes(m * k, 6)
    const y = multiply(x, weights, { m, k, n })
    const check = checkOf({ k, n, weights }, 2)
    const wrong = y.slice()
    for (const [at, by] of [
      [0, 1],
      [1, -1],
      [n, -1],
      [n + 1, 1],
    ] as const)
      wrong[at] = (wrong[at] as number) + by
    expect(check.holds(x, wrong, m)).toBe(false)
    const high = y.slice()
    high[3] = (high[3] as number) ^ -0x8000_0000
    expect(check.holds(x, high, m)).toBe(false)
  })

  test('an op whose shapes do not fit, or whose sums could leave int32, is refused', () => {
    expect(() => checkOf({ k: 2, n: 3, weights: new Int8Array(5) }, 2)).toThrow('has 5 weights')
    expect(() => checkOf({ k: 140_000, n: 1, weights: new Int8Array(140_000).fill(127) }, 2)).toThrow(
      'could leave int32',
    )
  })

  test('projections are those of the definition in Z/2^64', () => {
    const workspace = nodeKernels().workspace()
    const { kernels } = workspace
    for (const k of [1, 7, 8, 9, 2_039, 2_040, 2_041, 5_000]) {
      const x = bytes(k, k)
      const wr = BigInt64Array.from({ length: k }, (_, i) => BigInt.asIntN(64, BigInt(i + 1) * 0x9e37_79b9_7f4a_7c15n))
      if (k > 8) wr[3] = -(2n ** 63n)
      workspace.begin(8 * k + 16 * k + 256)
      const [at, digits, out] = [workspace.put(wr), workspace.room(8 * ((k + 7) & ~7)), workspace.room(8)]
      kernels.splitDigits(at, k, 1, digits)
      kernels.projectInput(workspace.put(x), 1, k, digits, 1, out)
      const expected = wr.reduce((sum, word, i) => sum + word * BigInt(x[i] as number), 0n)
      expect(new BigInt64Array(workspace.buffer(), out, 1)[0]).toBe(BigInt.asIntN(64, expected))
    }
  })

  test('projected weights are those of the definition, for coins at every end', () => {
    const workspace = nodeKernels().workspace()
    const ends = [0x7fff_ffff, -0x8000_0000, 0x7fff_8000, 0x7fff_7fff, -0x8000, 0x8000, -1, 0, 0xffff, -0x1_0001]
    for (const n of [1, 7, 8, 9, 2_039, 2_040, 2_041, 4_100])
      for (const columns of [1, 2, 3, 4]) {
        const k = 3
        const weights = bytes(k * n, n + columns)
        if (n === 4_100) weights.fill(-128, 0, n)
        const coins = Int32Array.from({ length: n * columns }, (_, i) =>
          i % 3 === 0 || n === 4_100 ? (ends[i % ends.length] as number) : Math.imul(i + 1, 0x9e37_79b1),
        )
        workspace.begin(k * n + 8 * n * columns + 8 * k * columns + 256)
        const [w, r] = [workspace.put(weights), workspace.put(coins)]
        const [halves, out] = [workspace.room(4 * n * columns), workspace.room(8 * k * columns)]
        workspace.kernels.projectWeights(w, k, n, r, columns, halves, out)
        const expected = Array.from({ length: k * columns }, (_, at) => {
          const [c, i] = [Math.floor(at / k), at % k]
          let sum = 0n
          for (let j = 0; j < n; j++) sum += BigInt(weights[i * n + j] as number) * BigInt(coins[c * n + j] as number)
          return BigInt.asIntN(64, sum)
        })
        expect([...new BigInt64Array(workspace.buffer(), out, k * columns)]).toEqual(expected)
      }
  })
})
