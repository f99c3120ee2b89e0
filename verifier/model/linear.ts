import type { OnnxNode } from './onnxFile.ts'
import { computed, constantScalar, inputAt, onlyAttributes, refusal } from './opDefinition.ts'
import type { Value, ValueType } from './value.ts'

/** Quantised values are stored as uint8 with this zero point, so that they mean −128 to 127. */
export const ZERO_POINT = 128

/**
 * A linear op: int32 accumulators Y = X·W of uint8 values around the zero point. `k`: length of each sum, `n`: columns.
 * `weights`: constant, k × n in rows; null: the second factor is computed too (attention), a matrix for each of the first's.
 * `rows`: rows of Y for each matrix, of a batch of one.
 */
export type LinearSpec = {
  name: string
  output: string
  k: number
  n: number
  rows: number
  weights: Int8Array | null
  type: ValueType
}

/** MatMulInteger with the zero points of int-exact-v1. @throws MODEL_INVALID */
export function linearSpec(node: OnnxNode, inputs: readonly ValueType[]): LinearSpec {
  onlyAttributes(node, [])
  const [a, b] = [inputAt(node, inputs, 0), inputAt(node, inputs, 1)]
  if (
    a.dtype !== 'uint8' ||
    a.constant !== null ||
    inputs[2]?.dtype !== 'uint8' ||
    constantScalar(node, inputs, 2) !== ZERO_POINT
  )
    throw refusal(node, `needs uint8 with zero point ${ZERO_POINT} on the left`)
  const k = a.dims.at(-1) as number
  const n = b.dims.at(-1) as number
  const rows = a.dims.length < 2 ? 0 : (a.dims.at(-2) as number)
  if (rows === 0 || b.dims.length < 2 || b.dims.at(-2) !== k) throw refusal(node, `of [${a.dims}] and [${b.dims}]`)
  const largest = (type: ValueType, zero: number) => Math.max(Math.abs(type.lo - zero), Math.abs(type.hi - zero))
  const isWeights = b.constant !== null
  if (isWeights) {
    if (b.dtype !== 'int8' || b.dims.length !== 2 || inputs.length !== 3)
      throw refusal(node, 'needs int8 weights of two axes')
  } else {
    const sameBatch = b.dims.length === a.dims.length && b.dims.slice(0, -2).every((dim, i) => dim === a.dims[i])
    if (
      b.dtype !== 'uint8' ||
      !sameBatch ||
      a.dims.length < 3 ||
      inputs[3]?.dtype !== 'uint8' ||
      constantScalar(node, inputs, 3) !== ZERO_POINT
    )
      throw refusal(node, `of two computed values [${a.dims}] and [${b.dims}]`)
  }
  // Then no accumulator can wrap, and two different ones differ in Z/2^64 as they do in the integers.
  const bound = k * largest(a, ZERO_POINT) * largest(b, isWeights ? 0 : ZERO_POINT)
  if (bound >= 2 ** 31) throw refusal(node, `${k} products may reach ${bound}`)
  return {
    name: node.name,
    output: node.outputs[0] as string,
    k,
    n,
    rows,
    weights: isWeights ? (b.constant?.data as Int8Array) : null,
    type: computed({ dtype: 'int32', dims: [...a.dims.slice(0, -1), n], lo: -bound, hi: bound, whole: true }),
  }
}

/** The highest bit of each of four bytes. */
const SIGNS = 0x80808080 | 0

/** A linear op's left factor as signed bytes. */
export function centred({ data, centred: known }: Value): Int8Array {
  if (known !== undefined) return known
  const out = new Int8Array(data.length)
  let done = 0
  if (data instanceof Uint8Array && data.byteOffset % 4 === 0) {
    // Less 128 is the highest bit the other way round: four bytes at a time.
    const [from, to] = [
      new Int32Array(data.buffer, data.byteOffset, data.length >> 2),
      new Int32Array(out.buffer, 0, data.length >> 2),
    ]
    for (let i = 0; i < to.length; i++) to[i] = (from[i] as number) ^ SIGNS
    done = 4 * to.length
  }
  for (let i = done; i < data.length; i++) out[i] = (data[i] as number) - ZERO_POINT
  return out
}

/** X·W by the definition. `x`: m × k, `w`: k × n, in rows. */
export function multiply(x: Int8Array, w: Int8Array, { m, k, n }: { m: number; k: number; n: number }): Int32Array {
  const y = new Int32Array(m * n)
  for (let i = 0; i < m; i++) {
    const row = y.subarray(i * n, (i + 1) * n)
    for (let l = 0; l < k; l++) {
      const factor = x[i * k + l] as number
      if (factor === 0) continue
      const from = l * n
      for (let j = 0; j < n; j++) row[j] = (row[j] as number) + factor * (w[from + j] as number)
    }
  }
  return y
}
