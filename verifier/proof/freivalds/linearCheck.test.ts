import { getRandomValues } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nodeKernels } from '#runtime/crypto/nodeKernels.ts'
import { type LinearOp, prepareLinearCheck } from './linearCheck.ts'

const kernels = nodeKernels()
const secret = (words: Int32Array) => void getRandomValues(words)

/** Y = X·W + b by the definition. */
function multiply(x: Int8Array, { k, n, weights, bias }: LinearOp, m: number): Int32Array {
  const y = new Int32Array(m * n)
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) {
      let sum = bias?.[j] ?? 0
      for (let l = 0; l < k; l++) sum += (x[i * k + l] as number) * (weights[l * n + j] as number)
      y[i * n + j] = sum
    }
  return y
}

const sizes = fc.record({
  m: fc.integer({ min: 1, max: 9 }),
  k: fc.integer({ min: 1, max: 40 }),
  n: fc.integer({ min: 1, max: 40 }),
  columns: fc.integer({ min: 1, max: 4 }),
  seed: fc.nat(),
  biased: fc.boolean(),
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
      fc.property(
        sizes,
        fc.nat(),
        fc.integer({ min: 1, max: 2 ** 31 - 1 }),
        ({ m, k, n, columns, seed, biased }, at, by) => {
          const bias = biased ? Int32Array.from({ length: n }, (_, i) => (i * 7_919 - seed) % 100_000) : null
          const op: LinearOp = { k, n, weights: bytes(k * n, seed), bias }
          const x = bytes(m * k, seed + 1)
          const y = multiply(x, op, m)
          const check = prepareLinearCheck({ kernels, op, columns, random: secret })
          expect(check.soundnessBits).toBe(32 * columns)
          expect(check.check(x, y, m)).toBe(null)
          const wrong = y.slice()
          wrong[at % wrong.length] = (wrong[at % wrong.length] as number) + by
          expect(check.check(x, wrong, m)).toBe('wrong')
        },
      ),
      { numRuns: 300 },
    )
  })

  test('rows or columns swapped, another input, other weights, other bias: refused', () => {
    const op: LinearOp = { k: 24, n: 20, weights: bytes(480, 5), bias: Int32Array.from({ length: 20 }, (_, i) => i) }
    const x = bytes(3 * 24, 6)
    const y = multiply(x, op, 3)
    const check = prepareLinearCheck({ kernels, op, columns: 2, random: secret })
    const swappedRows = Int32Array.from([...y.slice(20, 40), ...y.slice(0, 20), ...y.slice(40)])
    const swappedColumns = y.slice()
    for (let i = 0; i < 3; i++) swappedColumns.set([y[i * 20 + 1] as number, y[i * 20] as number], i * 20)
    for (const wrong of [swappedRows, swappedColumns, multiply(x, { ...op, bias: null }, 3), new Int32Array(60)])
      expect(check.check(x, wrong, 3)).toBe('wrong')
    expect(check.check(bytes(3 * 24, 7), y, 3)).toBe('wrong')
    expect(check.check(x, multiply(x, { ...op, weights: bytes(480, 8) }, 3), 3)).toBe('wrong')
  })

  test('shapes that do not fit, and accumulators that could wrap, are refused before any arithmetic', () => {
    const op: LinearOp = { k: 8, n: 8, weights: new Int8Array(64).fill(-128), bias: null }
    const check = prepareLinearCheck({ kernels, op, columns: 2, random: secret })
    expect(check.check(new Int8Array(8), new Int32Array(7), 1)).toBe('shape')
    expect(check.check(new Int8Array(9), new Int32Array(8), 1)).toBe('shape')
    expect(check.check(new Int8Array(0), new Int32Array(0), 0)).toBe('shape')
    expect(check.check(new Int8Array(8), new Int32Array(8), 1)).toBe(null)
    // 2^17 products of (−128)² are 2^31: one more than an int32 holds.
    const long = { k: 2 ** 17, n: 1, weights: new Int8Array(2 ** 17).fill(-128), bias: null }
    const risky = prepareLinearCheck({ kernels, op: long, columns: 1, random: secret })
    expect(risky.check(new Int8Array(2 ** 17).fill(-128), new Int32Array([-(2 ** 31)]), 1)).toBe('overflow')
    const biased = { ...op, bias: new Int32Array(8).fill(-(2 ** 31)) }
    expect(
      prepareLinearCheck({ kernels, op: biased, columns: 1, random: secret }).check(new Int8Array(8), biased.bias, 1),
    ).toBe('overflow')
    for (const wrong of [{ k: 7 }, { n: 0 }, { bias: new Int32Array(7) }])
      expect(() => prepareLinearCheck({ kernels, op: { ...op, ...wrong }, columns: 2, random: secret })).toThrow(
        'linear op',
      )
  })

  test('the projections agree with the definition in the ring of 64-bit integers', () => {
    const [m, k, n, columns] = [3, 13, 11, 3]
    const [w, x] = [bytes(k * n, 1), bytes(m * k, 2)]
    const r = Int32Array.from({ length: n * columns }, (_, i) => (i % 2 === 0 ? -(2 ** 31) + i : 2 ** 31 - 1 - i))
    const wr = kernels.projectWeights(w, r, { k, n, columns })
    for (let i = 0; i < k; i++)
      for (let c = 0; c < columns; c++) {
        let sum = 0n
        for (let j = 0; j < n; j++) sum += BigInt(w[i * n + j] as number) * BigInt(r[c * n + j] as number)
        expect(wr[c * k + i]).toBe(BigInt.asIntN(64, sum))
      }
    const y = multiply(x, { k, n, weights: w, bias: null }, m)
    expect(kernels.projectTrace(y, r, { m, n, columns })).toEqual(kernels.projectInput(x, wr, { m, k, columns }))
    const large = Int32Array.from({ length: n }, (_, i) => 2 ** 31 - 1 - i)
    let sum = 0n
    for (let j = 0; j < n; j++) sum += BigInt(large[j] as number) * BigInt(r[j] as number)
    expect(kernels.projectTrace(large, r, { m: 1, n, columns })[0]).toBe(BigInt.asIntN(64, sum))
  })
})
