import type { Address, Workspace } from '#verifier/kernels/openWorkspace.ts'
import type { Fused } from '#verifier/model/fusion.ts'
import type { IntGraph, Step } from '#verifier/model/intGraph.ts'
import type { Value, ValueType } from '#verifier/model/value.ts'

/**
 * What fused steps need in the workspace; `wide`: see `requantise`. `isMultipliedOnly`: linear ops alone read what they give,
 * around 0.
 */
type Laid = { factors: Address; bias: Address; wide: number; isMultipliedOnly: boolean }

/** Steps as one pass: some rows of them, as many times as there are, and then what they gave. */
export type Pass = { rows(from: Address, first: number, m: number): void; value(dims: readonly number[]): Value }

const largestOf = (values: Iterable<number>) => [...values].reduce((most, value) => Math.max(most, Math.abs(value)), 0)

/**
 * Lays out what a graph's fused steps need, for as long as the workspace lives. Of some of them: room for what they give
 * (`count` elements in rows of `n`), and how they fill it.
 */
export function createPasses(workspace: Workspace, graph: IntGraph): (steps: Fused, count: number, n: number) => Pass {
  const { kernels: wasm } = workspace
  const readByOthers = new Set(graph.steps.flatMap(({ linear, inputs }) => (linear === null ? inputs : [])))
  const laid = new Map(
    [...graph.fused].map(([first, steps]): [Fused, Laid] => {
      const { kind, output, bias, factors } = steps
      const [input] = (graph.steps[first] as Step).inputs
      const { lo, hi } = graph.values[input as number] as ValueType
      const most = Math.max(-lo, hi) + largestOf(bias ?? [])
      const width = kind === 'quantise' ? 1 : (graph.values[output]?.dims.at(-1) as number)
      return [
        steps,
        {
          factors: keep(
            Float32Array.from({ length: width }, (_, j) => factors[factors.length === 1 ? 0 : j] as number),
          ),
          bias: keep(bias ?? new Int32Array(width)),
          wide: most * largestOf(factors) < 2 ** 22 - 1 ? 0 : 1,
          isMultipliedOnly: !readByOthers.has(output),
        },
      ]
    }),
  )

  function keep(values: Int32Array | Float32Array): Address {
    const at = workspace.keep(values.byteLength)
    workspace.bytes(at, values.byteLength).set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
    return at
  }

  return (steps, count, n) => {
    const { factors, bias, wide, isMultipliedOnly } = laid.get(steps) as Laid
    if (steps.kind === 'scale') {
      const out = workspace.room(4 * count)
      return {
        rows: (from, first, m) => wasm.scale(from, m, n, bias, factors, out + 4 * first * n),
        value: dims => ({ dtype: 'float32', dims, data: new Float32Array(workspace.buffer(), out, count) }),
      }
    }
    const signed = workspace.room(count)
    const { kind, least } = steps
    return {
      rows(from, first, m) {
        const to = signed + first * n
        if (kind === 'requantise') wasm.requantise(from, m, n, bias, factors, wide, least, to)
        else wasm.quantise(from, m * n, steps.factors[0] as number, least, to)
      },
      value(dims) {
        const out = isMultipliedOnly ? 0 : workspace.room(count)
        if (!isMultipliedOnly) wasm.fromZero(signed, count, out)
        return {
          dtype: 'uint8',
          dims,
          data: workspace.bytes(out, isMultipliedOnly ? 0 : count),
          centred: new Int8Array(workspace.buffer(), signed, count),
        }
      },
    }
  }
}

/** Linear ops whose accumulators are read by one run of fused steps alone. */
export function flowsOf({ steps, fused }: IntGraph): ReadonlyMap<number, Fused> {
  const readers = new Map<number, number[]>()
  for (const [i, { inputs }] of steps.entries())
    for (const input of inputs) readers.set(input, [...(readers.get(input) ?? []), i].slice(0, 2))
  const flows = new Map<number, Fused>()
  for (const { linear, output } of steps) {
    const [reader = -1, ...others] = readers.get(output) ?? []
    const run = fused.get(reader)
    if (linear !== null && others.length === 0 && run !== undefined) flows.set(linear, run)
  }
  return flows
}
