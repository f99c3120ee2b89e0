import type { Kernels } from '#verifier/kernels/openKernels.ts'
import type { Address } from '#verifier/kernels/openWorkspace.ts'
import { createStepTaker } from '#verifier/kernels/takeStep.ts'
import type { Fused } from '#verifier/model/fusion.ts'
import type { IntGraph } from '#verifier/model/intGraph.ts'
import { batchOf, type LinearCall, runGraph } from '#verifier/model/runGraph.ts'
import { sizeOf, type Value } from '#verifier/model/value.ts'
import { type LinearCheck, prepareLinearCheck, roomFor, scratchFor, scratchToPrepare } from './linearCheck.ts'

/** Why a trace or an output is refused, and where. */
export type TraceFault = { fault: 'input' | 'size' | 'accumulators' | 'output'; where: string }

/** Checks answers of one model by their traces. Holds secret coins: thrown away by the caller after a failure. */
export type TraceCheck = {
  /** −log2 of the chance that a wrong answer passes, for one linear op; the ops' chances add up. */
  readonly soundnessBits: number
  /** Null when `output` is what the model gives on `input`, as `trace` shows. */
  check(
    input: { shape: readonly number[]; data: Float32Array },
    output: Float32Array,
    trace: Uint8Array,
  ): TraceFault | null
}

class Fault extends Error {
  readonly reason: TraceFault
  constructor(reason: TraceFault) {
    super(reason.fault)
    this.reason = reason
  }
}

/** Bytes of a trace for a batch: the int32 accumulators of every linear op in the graph's order, little-endian, row-major. */
export function traceBytes(graph: IntGraph, batch: number): number {
  return graph.linear.reduce((sum, { type }) => sum + 4 * batch * sizeOf(type.dims), 0)
}

/**
 * The check of evidence.md §4.1: walks the graph, recomputes everything but the linear ops exactly from the claimed
 * accumulators, and checks each of those with Freivalds' projections. W·R is computed here, once.
 *
 * `random` fills words that the worker cannot know when it commits to the trace.
 */
export function prepareTraceCheck({
  graph,
  kernels,
  columns,
  random,
}: {
  graph: IntGraph
  kernels: Kernels
  columns: number
  random(op: number, words: Int32Array): void
}): TraceCheck {
  const workspace = kernels.workspace()
  const { kernels: wasm } = workspace
  const scratches = new Map<number, number>()
  const checks = graph.linear.map(({ k, n, weights }, op): LinearCheck | null => {
    if (weights === null) return null
    const linear = { k, n, weights }
    const kept = workspace.keep(roomFor(linear, columns))
    workspace.begin(scratchToPrepare(linear, columns))
    return prepareLinearCheck({ workspace, op: linear, columns, random: words => random(op, words), room: bump(kept) })
  })
  const fused = new Map(
    [...graph.fused].map(([, steps]) => [
      steps,
      { factors: keep(steps.factors), bias: steps.bias === null ? 0 : keep(steps.bias) },
    ]),
  )

  const taker = createStepTaker(workspace, graph)

  function keep(values: Int32Array | Float32Array): Address {
    const at = workspace.keep(values.byteLength)
    workspace.bytes(at, values.byteLength).set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
    return at
  }

  function holds({ index, spec: { k, n }, matrices, m, x, right }: LinearCall, y: Address): boolean {
    const from = workspace.put(x)
    const check = checks[index]
    if (check !== null && check !== undefined) return check.holds(from, y, m)
    // Both factors are the inputs': coins and B·R anew for each matrix.
    for (let i = 0; i < matrices; i++) {
      const own = prepareLinearCheck({
        workspace,
        op: { k, n, weights: right.subarray(i * k * n, (i + 1) * k * n) },
        columns,
        random: words => random(index, words),
        room: workspace.room,
      })
      if (!own.holds(from + i * m * k, y + 4 * i * m * n, m)) return false
    }
    return true
  }

  /** Several steps in one pass; the result lies where the next op reads it. */
  function fuse(steps: Fused, input: Value): Value {
    const count = input.data.length
    const n = input.dims.at(-1) as number
    const from = workspace.put(input.data)
    const { factors, bias } = fused.get(steps) as { factors: Address; bias: Address }
    const step = steps.factors.length === 1 ? 0 : 1
    if (steps.kind === 'scale') {
      const out = workspace.room(4 * count)
      wasm.scale(from, count / n, n, bias, factors, step, out)
      return { dtype: 'float32', dims: input.dims, data: new Float32Array(workspace.buffer(), out, count) }
    }
    const [out, signed] = [workspace.room(count), workspace.room(count)]
    if (steps.kind === 'requantise') wasm.requantise(from, count / n, n, bias, factors, step, steps.least, out, signed)
    else wasm.quantise(from, count, steps.factors[0] as number, steps.least, out, signed)
    return {
      dtype: 'uint8',
      dims: input.dims,
      data: workspace.bytes(out, count),
      centred: new Int8Array(workspace.buffer(), signed, count),
    }
  }

  return {
    soundnessBits: 32 * columns,
    check(input, output, trace) {
      let batch: number
      try {
        batch = batchOf(graph, input)
      } catch (error) {
        return { fault: 'input', where: (error as Error).message }
      }
      const expected = traceBytes(graph, batch)
      if (trace.length !== expected)
        return { fault: 'size', where: `the trace has ${trace.length} bytes, the model's has ${expected}` }
      let scratch = scratches.get(batch)
      if (scratch === undefined) {
        scratch = scratchOf(graph, batch, columns) + taker.room(batch) + 64
        scratches.set(batch, scratch)
      }
      workspace.begin(scratch)
      taker.begin(workspace.room(taker.room(batch)))
      // Every machine that runs this is little-endian.
      let at = workspace.put(trace)
      try {
        const result = runGraph(graph, input, {
          multiply(call) {
            const size = sizeOf(call.dims)
            const y = at
            at += 4 * size
            if (!holds(call, y))
              throw new Fault({ fault: 'accumulators', where: `linear op ${call.index} (${call.spec.name})` })
            return new Int32Array(workspace.buffer(), y, size)
          },
          fuse,
          take: taker.take,
        })
        const wrong = differs(result, output)
        return wrong === null ? null : { fault: 'output', where: wrong }
      } catch (error) {
        if (error instanceof Fault) return error.reason
        throw error
      }
    },
  }
}

/** Hands out room from one piece. */
function bump(from: Address): (bytes: number) => Address {
  let next = from
  return bytes => {
    const at = (next + 15) & ~15
    next = at + bytes
    return at
  }
}

/** Scratch for one check: the trace, and for each op its factors, its projections and what follows from it. */
function scratchOf(graph: IntGraph, batch: number, columns: number): number {
  const each = graph.linear.reduce((sum, { k, n, rows, weights, type }) => {
    const m = (batch * sizeOf(type.dims)) / n
    const matrices = m / rows
    const own =
      weights === null
        ? matrices * (roomFor({ k, n, weights: NONE }, columns) + scratchToPrepare({ k, n, weights: NONE }, columns))
        : 0
    return sum + m * k + scratchFor(m, columns) + own + 128
  }, 0)
  const passes = [...graph.fused.values()].reduce(
    // Copied in, and given in at most four bytes each.
    (sum, { output }) => sum + 8 * batch * sizeOf(graph.values[output]?.dims ?? []) + 128,
    0,
  )
  return traceBytes(graph, batch) + each + passes + 1_024
}

const NONE = new Int8Array(0)

function differs(expected: Float32Array, actual: Float32Array): string | null {
  if (expected.length !== actual.length) return `the output has ${actual.length} elements, expected ${expected.length}`
  // Bit by bit: 0 and −0 differ, a NaN has many faces.
  const whole = actual.byteOffset % 4 === 0 ? actual : new Float32Array(actual)
  const a = new Int32Array(expected.buffer, expected.byteOffset, expected.length)
  const b = new Int32Array(whole.buffer, whole.byteOffset, whole.length)
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i]) return `output element ${i} is ${actual[i]}, the accumulators give ${expected[i]}`
  }
  return null
}
