import { WarrantError } from '#verifier/evidence/error.ts'
import type { Kernels } from '#verifier/kernels/openKernels.ts'
import type { Address } from '#verifier/kernels/openWorkspace.ts'
import { createStepTaker } from '#verifier/kernels/takeStep.ts'
import type { Fused } from '#verifier/model/fusion.ts'
import type { IntGraph } from '#verifier/model/intGraph.ts'
import { type LinearCall, runGraph } from '#verifier/model/runGraph.ts'
import { sizeOf, type Value } from '#verifier/model/value.ts'
import { createPasses, flowsOf } from './fusedPasses.ts'
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
  const taker = createStepTaker(workspace, graph)
  const passes = createPasses(workspace, graph)
  const flows = flowsOf(graph)

  /** Bit by bit. */
  function isSame(expected: Float32Array, actual: Float32Array): boolean {
    const size = expected.byteLength
    return size === actual.byteLength && wasm.same(workspace.put(expected), workspace.put(actual), size) === 1
  }

  function holds({ index, spec: { k, n }, matrices, m, x, right }: LinearCall, y: Address): boolean {
    const from = workspace.put(x)
    const check = checks[index]
    if (check) return check.holds(from, y, m)
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
    const pass = passes(steps, count, n)
    pass.rows(workspace.put(input.data), 0, count / n)
    return pass.value(input.dims)
  }

  /** An op and the steps that alone read its accumulators, some rows at a time: these stay near the processor. */
  function flow(call: LinearCall, check: LinearCheck, steps: Fused, claimed: Uint8Array): Value {
    const { k, n } = call.spec
    const pass = passes(steps, call.m * n, n)
    const from = workspace.put(call.x)
    const together = Math.max(1, Math.floor(NEAR / (4 * n)))
    const near = workspace.room(4 * n * Math.min(together, call.m))
    for (let first = 0; first < call.m; first += together) {
      const rows = Math.min(together, call.m - first)
      workspace.bytes(near, 4 * n * rows).set(claimed.subarray(4 * n * first, 4 * n * (first + rows)))
      if (!check.holds(from + first * k, near, rows)) throw faultAt(call)
      pass.rows(near, first, rows)
    }
    return pass.value(call.dims)
  }

  return {
    soundnessBits: 32 * columns,
    check(input, output, trace) {
      let at = 0
      const flowed = new Map<Fused, Value>()
      try {
        const result = runGraph(graph, input, {
          begin(batch) {
            const expected = traceBytes(graph, batch)
            if (trace.length !== expected)
              throw new Fault({
                fault: 'size',
                where: `the trace has ${trace.length} bytes, the model's has ${expected}`,
              })
            let scratch = scratches.get(batch)
            if (scratch === undefined) {
              scratch = scratchOf(graph, batch, columns) + taker.room(batch) + 64
              scratches.set(batch, scratch)
            }
            workspace.begin(scratch)
            taker.begin(workspace.room(taker.room(batch)))
          },
          multiply(call) {
            const size = sizeOf(call.dims)
            const claimed = trace.subarray(at, at + 4 * size)
            at += 4 * size
            const [steps, check] = [flows.get(call.index), checks[call.index]]
            if (steps !== undefined && check) {
              flowed.set(steps, flow(call, check, steps, claimed))
              return NO_ACCUMULATORS
            }
            // Every machine that runs this is little-endian.
            const y = workspace.put(claimed)
            if (!holds(call, y)) throw faultAt(call)
            return new Int32Array(workspace.buffer(), y, size)
          },
          fuse: (steps, value) => flowed.get(steps) ?? fuse(steps, value),
          take: taker.take,
        })
        if (isSame(result, output)) return null
        const wrong = differs(result, output)
        return wrong === null ? null : { fault: 'output', where: wrong }
      } catch (error) {
        if (error instanceof Fault) return error.reason
        if (error instanceof WarrantError && error.code === 'BAD_INPUT') return { fault: 'input', where: error.message }
        throw error
      }
    },
  }
}

/** Bytes of accumulators that are worked on together: they fit into a core's second cache. */
const NEAR = 1 << 18

/** In place of accumulators that nothing reads any more. */
const NO_ACCUMULATORS = new Int32Array(0)

const faultAt = ({ index, spec }: LinearCall) =>
  new Fault({ fault: 'accumulators', where: `linear op ${index} (${spec.name})` })

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
    // Its projections may be taken row by row, each piece aligned.
    return sum + m * k + scratchFor(m, columns) + 32 * m + own + 128
  }, 0)
  const passes = [...graph.fused.values()].reduce(
    // Copied in, and given in at most four bytes each.
    (sum, { output }) => sum + 8 * batch * sizeOf(graph.values[output]?.dims ?? []) + 128,
    0,
  )
  const outputs = 8 * batch * sizeOf(graph.output.shape)
  return traceBytes(graph, batch) + each + passes + outputs + 1_024
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
