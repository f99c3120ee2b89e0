import { WarrantError } from '#verifier/evidence/error.ts'
import type { Fused } from './fusion.ts'
import type { IntGraph, Step } from './intGraph.ts'
import { centred, type LinearSpec, multiply } from './linear.ts'
import { sizeOf, type Value } from './value.ts'

/** A linear op about to be computed: left factor m × k, and the right one: weights, or a computed factor for each matrix. */
export type LinearCall = {
  index: number
  spec: LinearSpec
  /** Matrices in a row (1 with constant weights, whose rows are all taken together), each of `m` rows. */
  matrices: number
  m: number
  x: Int8Array
  right: Int8Array
  dims: readonly number[]
}

/** Gives a linear op's accumulators, matrices · m × n in rows. */
export type Multiplier = (call: LinearCall) => Int32Array

/** How the parts of a graph are computed, in place of their definitions. */
export type Engine = {
  /** The input is one of the model's, of so many rows. */
  begin?(batch: number): void
  multiply: Multiplier
  /** Takes several steps at once; the same bits as the steps. */
  fuse?(fused: Fused, input: Value): Value
  /** Takes a step alone, the same bits again; null: it does not know it. */
  take?(step: Step, inputs: readonly Value[]): Value | null
  /** Sees every intermediate tensor that is not fused away. */
  onValue?(step: number, value: Value): void
}

/** The largest batch that is run at once. */
export const LARGEST_BATCH = 4_096

/**
 * Runs a graph on float32 `input` [batch, …]: the reference for every engine, and a verifier's recomputation of what lies
 * between linear ops.
 *
 * @throws BAD_INPUT for another shape, or a number that is not finite
 */
export function runGraph(
  graph: IntGraph,
  input: { shape: readonly number[]; data: Float32Array },
  { begin, multiply, fuse, take, onValue }: Engine = { multiply: multiplyDirectly },
): Float32Array {
  const batch = batchOf(graph, input)
  begin?.(batch)
  const values: (Value | null)[] = graph.values.map(type => type.constant)
  values[0] = { dtype: 'float32', dims: [batch, ...graph.input.shape.slice(1)], data: input.data }
  let result: Value | undefined
  for (let i = 0; i < graph.steps.length; i++) {
    const step = graph.steps[i] as Step
    const inputs = step.inputs.map(number => values[number] as Value)
    const fused = fuse === undefined ? undefined : graph.fused.get(i)
    if (fused !== undefined) {
      result = (fuse as NonNullable<typeof fuse>)(fused, inputs[0] as Value)
      values[fused.output] = result
      i = fused.last
      continue
    }
    result =
      step.prepared === null
        ? accumulate(graph, step.linear, inputs, multiply)
        : (take?.(step, inputs) ?? step.prepared.run(inputs))
    onValue?.(i, result)
    values[step.output] = result
    for (const number of step.lastOf) values[number] = null
  }
  return (result as Value).data as Float32Array
}

/** Rows of an input. @throws BAD_INPUT */
export function batchOf(
  { input: { name, shape } }: IntGraph,
  input: { shape: readonly number[]; data: Float32Array },
): number {
  const [batch = 0, ...row] = input.shape
  const fits = row.join() === shape.slice(1).join() && batch >= 1 && batch <= LARGEST_BATCH
  if (!fits || input.data.length !== sizeOf(input.shape))
    throw new WarrantError('BAD_INPUT', `${name}: expects float32[batch,${shape.slice(1)}], got [${input.shape}]`)
  const { data } = input
  if (allFinite(data)) return batch
  const at = data.findIndex(x => !Number.isFinite(x))
  throw new WarrantError('BAD_INPUT', `${name}: element ${at} is ${data[at]}`)
}

/** The exponent of a float32 that is no number, or not a finite one. */
const EXPONENT = 0x7f80_0000

function allFinite(data: Float32Array): boolean {
  const words = new Int32Array(data.buffer, data.byteOffset, data.length)
  const count = words.length
  let carry = 0
  // Only an exponent of ones carries into the sign.
  for (let i = 0; i < count; i++) carry |= ((words[i] as number) & EXPONENT) + 0x0080_0000
  return carry >= 0
}

function accumulate(graph: IntGraph, index: number, inputs: Value[], multiply: Multiplier): Value {
  const spec = graph.linear[index] as LinearSpec
  const [left, right] = inputs as [Value, Value]
  const dims = [...left.dims.slice(0, -1), spec.n]
  const rows = sizeOf(left.dims) / spec.k
  const matrices = spec.weights === null ? rows / spec.rows : 1
  const call = {
    index,
    spec,
    matrices,
    m: rows / matrices,
    x: centred(left),
    right: spec.weights ?? centred(right),
    dims,
  }
  return { dtype: 'int32', dims, data: multiply(call) }
}

/** The accumulators by the definition. */
export const multiplyDirectly: Multiplier = ({ spec: { k, n, weights }, matrices, m, x, right }) => {
  if (weights !== null) return multiply(x, right, { m, k, n })
  const y = new Int32Array(matrices * m * n)
  for (let i = 0; i < matrices; i++)
    y.set(
      multiply(x.subarray(i * m * k, (i + 1) * m * k), right.subarray(i * k * n, (i + 1) * k * n), { m, k, n }),
      i * m * n,
    )
  return y
}
