import type { OnnxTensor, OnnxType } from './onnxFile.ts'
import { invalid } from './onnxFile.ts'

/** Elements of a value: int64 as whole numbers in doubles, which is exact below 2^53 (every graph is checked to stay there). */
export type Elements = Uint8Array | Int8Array | Int32Array | Float32Array | Float64Array

/** A tensor while a graph runs: row-major. */
export type Value = {
  dtype: OnnxType
  dims: readonly number[]
  data: Elements
  /** Of a quantised value: its elements around zero, where they were made along with it. */
  centred?: Int8Array
}

/**
 * What is known of a value before the graph runs. `dims`: for a batch of one; the first axis is the batch's, always.
 * Every element lies in [lo, hi]; `whole`: every element is a whole number. `constant`: null unless it is in the file.
 */
export type ValueType = {
  dtype: OnnxType
  dims: readonly number[]
  lo: number
  hi: number
  whole: boolean
  /** Every zero is +0: it came from whole numbers. Absent: there may be a −0, which some kernels take for +0. */
  plainZeros?: boolean
  constant: Value | null
}

/** Where int64 stops being exact in a double, and int32 in itself. */
export const LARGEST: Readonly<Record<'int32' | 'int64', number>> = { int32: 2 ** 31 - 1, int64: 2 ** 53 - 1 }

/** Room for `count` elements. */
export function allocate(dtype: OnnxType, count: number): Elements {
  if (dtype === 'uint8') return new Uint8Array(count)
  if (dtype === 'int8') return new Int8Array(count)
  if (dtype === 'int32') return new Int32Array(count)
  if (dtype === 'float32') return new Float32Array(count)
  return new Float64Array(count)
}

/** Number of elements. */
export function sizeOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1)
}

/** A constant of the file as a value, aligned for its type. @throws MODEL_INVALID for a number that cannot be held or is not finite */
export function constantOf({ name, dtype, dims, bytes }: OnnxTensor): ValueType {
  const copy = new Uint8Array(bytes)
  const data = elementsOf(dtype, copy.buffer)
  if (data instanceof Int8Array) return { dtype, dims, ...rangeOf(data), whole: true, constant: { dtype, dims, data } }
  let lo = Number.POSITIVE_INFINITY
  let hi = Number.NEGATIVE_INFINITY
  let whole = true
  for (const element of data) {
    if (!Number.isFinite(element)) throw invalid(`initializer ${name} holds ${element}`)
    if (element < lo) lo = element
    if (element > hi) hi = element
    if (whole && !Number.isInteger(element)) whole = false
  }
  if (data.length === 0) [lo, hi] = [0, 0]
  return { dtype, dims, lo, hi, whole, constant: { dtype, dims, data } }

  function elementsOf(type: OnnxType, buffer: ArrayBuffer): Elements {
    if (type === 'uint8') return new Uint8Array(buffer)
    if (type === 'int8') return new Int8Array(buffer)
    if (type === 'int32') return new Int32Array(buffer)
    if (type === 'float32') return new Float32Array(buffer)
    return Float64Array.from(new BigInt64Array(buffer), value => {
      const number = Number(value)
      if (!Number.isSafeInteger(number)) throw invalid(`initializer ${name} holds ${value}: too large`)
      return number
    })
  }
}

/** Least and greatest of weights: by far the most of what a file holds. */
function rangeOf(weights: Int8Array): { lo: number; hi: number } {
  const count = weights.length
  let lo = count === 0 ? 0 : 127
  let hi = count === 0 ? 0 : -128
  for (let i = 0; i < count; i++) {
    const weight = weights[i] as number
    if (weight < lo) lo = weight
    if (weight > hi) hi = weight
  }
  return { lo, hi }
}
