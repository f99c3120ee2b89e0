import type { IntGraph, Step } from './intGraph.ts'
import { ZERO_POINT } from './linear.ts'
import type { Value, ValueType } from './value.ts'

/**
 * Steps that an engine may take in one pass, because nothing else reads what lies between them.
 * `requantise`: int32 → uint8; `quantise`: float32 → uint8; `scale`: int32 → float32, the output.
 */
export type Fused = {
  kind: 'requantise' | 'quantise' | 'scale'
  /** The last step, and the number of what it gives. */
  last: number
  output: number
  /** Added to each row first; null for none. */
  bias: Int32Array | null
  /** One for each column, or one for all. */
  factors: Float32Array
  /** The least uint8 that may come out. */
  least: number
}

/** Runs of steps that may be taken at once, by their first step. */
export function fusedSteps({ steps, values }: Pick<IntGraph, 'steps' | 'values'>): ReadonlyMap<number, Fused> {
  const readers = new Map<number, number>()
  for (const { inputs } of steps) for (const number of inputs) readers.set(number, (readers.get(number) ?? 0) + 1)
  const found = new Map<number, Fused>()
  for (let i = 0; i < steps.length; i++) {
    const fused = fusedFrom(i, steps, values, readers)
    if (fused === null) continue
    found.set(i, fused)
    i = fused.last
  }
  return found
}

function fusedFrom(
  first: number,
  steps: readonly Step[],
  values: readonly ValueType[],
  readers: ReadonlyMap<number, number>,
): Fused | null {
  let at = first
  /** The step under the pointer if it is `op` on what the one before gave, and then moves on. */
  const take = (op: string): Step | null => {
    const step = steps[at]
    if (step === undefined || step.op !== op) return null
    const before = steps[at - 1]
    const follows =
      at === first || (before !== undefined && step.inputs[0] === before.output && readers.get(before.output) === 1)
    if (!follows) return null
    at++
    return step
  }
  const constantOf = (step: Step | null, input: number): Value | null =>
    values[step?.inputs[input] ?? -1]?.constant ?? null
  const typeBefore = values[steps[first]?.inputs[0] ?? -1]
  if (typeBefore === undefined || typeBefore.constant !== null) return null
  const width = typeBefore.dims.at(-1) as number
  const perColumn = (value: Value | null): value is Value =>
    value !== null && (value.data.length === 1 || (value.data.length === width && value.dims.at(-1) === width))

  let bias: Int32Array | null = null
  const isWhole = typeBefore.dtype === 'int32'
  if (isWhole) {
    const added = constantOf(take('Add'), 1)
    if (at > first) {
      if (added === null || added.data.length !== width || added.dims.at(-1) !== width) return null
      bias = added.data as Int32Array
    }
    if (values[take('Cast')?.output ?? -1]?.dtype !== 'float32') return null
  } else if (typeBefore.dtype !== 'float32') return null
  const product = take('Mul')
  const factors = constantOf(product, 1)
  if (!perColumn(factors) || (!isWhole && factors.data.length !== 1)) return null
  const common = { bias, factors: factors.data as Float32Array }
  if (isWhole && product !== null && at === steps.length)
    return { ...common, kind: 'scale', last: at - 1, output: product.output, least: 0 }
  if (take('Round') === null) return null
  const shift = constantOf(take('Add'), 1)
  const bounds = take('Clip')
  const [least, most] = [constantOf(bounds, 1), constantOf(bounds, 2)]
  const cast = take('Cast')
  if (shift?.data.length !== 1 || shift.data[0] !== ZERO_POINT || least === null || most?.data[0] !== 255) return null
  if (cast === null || values[cast.output]?.dtype !== 'uint8') return null
  // A pass holds its bounds in a byte; any other pair is taken step by step.
  const lowest = least.data[0] ?? -1
  if (!Number.isInteger(lowest) || lowest < 0 || lowest > 255) return null
  return {
    ...common,
    kind: isWhole ? 'requantise' : 'quantise',
    last: at - 1,
    output: cast.output,
    least: lowest,
  }
}
