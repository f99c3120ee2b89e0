import type { Kernels } from '#verifier/kernels/openKernels.ts'
import type { IntGraph } from '#verifier/model/intGraph.ts'
import { batchOf, type LinearCall, runGraph } from '#verifier/model/runGraph.ts'
import { sizeOf } from '#verifier/model/value.ts'
import { type LinearCheck, prepareLinearCheck } from './linearCheck.ts'

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
  const checks = graph.linear.map(({ k, n, weights }, op): LinearCheck | null =>
    weights === null
      ? null
      : prepareLinearCheck({ kernels, op: { k, n, weights, bias: null }, columns, random: words => random(op, words) }),
  )

  function holds({ index, spec: { k, n }, matrices, m, x, right }: LinearCall, y: Int32Array): boolean {
    const check = checks[index]
    if (check !== null && check !== undefined) return check.check(x, y, m) === null
    // Both factors are the inputs': coins and B·R anew for each matrix.
    for (let i = 0; i < matrices; i++) {
      const own = prepareLinearCheck({
        kernels,
        op: { k, n, weights: right.subarray(i * k * n, (i + 1) * k * n), bias: null },
        columns,
        random: words => random(index, words),
      })
      if (own.check(x.subarray(i * m * k, (i + 1) * m * k), y.subarray(i * m * n, (i + 1) * m * n), m) !== null)
        return false
    }
    return true
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
      // Aligned for the machine; every machine that runs this is little-endian.
      const bytes = trace.byteOffset % 4 === 0 ? trace : new Uint8Array(trace)
      const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
      let at = 0
      try {
        const result = runGraph(graph, input, call => {
          const y = words.subarray(at, at + sizeOf(call.dims))
          at += y.length
          if (!holds(call, y))
            throw new Fault({ fault: 'accumulators', where: `linear op ${call.index} (${call.spec.name})` })
          return y
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

function differs(expected: Float32Array, actual: Float32Array): string | null {
  if (expected.length !== actual.length) return `the output has ${actual.length} elements, expected ${expected.length}`
  // Bit by bit: 0 and −0 differ, a NaN has many faces.
  const [a, b] = [
    new Int32Array(expected.buffer, expected.byteOffset, expected.length),
    new Int32Array(new Float32Array(actual).buffer),
  ]
  const at = a.findIndex((word, i) => word !== b[i])
  return at < 0 ? null : `output element ${at} is ${actual[at]}, the accumulators give ${expected[at]}`
}
