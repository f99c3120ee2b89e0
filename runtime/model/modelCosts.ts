import type { ModelIdentity } from '#verifier/evidence/records/run.ts'
import { type IntGraph, readIntGraph } from '#verifier/model/intGraph.ts'
import { sizeOf } from '#verifier/model/value.ts'
import { INT_EXACT } from '#verifier/proof/freivalds/openTrace.ts'
import { traceBytes } from '#verifier/proof/freivalds/traceCheck.ts'

/** What one row of an exact-integer model costs. */
export type ModelCosts = {
  linearOps: number
  /** Multiplications in linear ops, and their share of all element operations. */
  multiplications: number
  linearShare: number
  /** Multiplications of a Freivalds check at 2^-64, and how many of those above they are. */
  checkMultiplications: number
  checkShare: number
  traceBytes: number
  /** Estimates for one core: running it again, and checking its trace, digest included. `model bench` measures them. */
  runMicros: number
  checkMicros: number
}

/**
 * Nanoseconds, from four models between 700 and 436 million multiplications (within a third of what `model bench` measured
 * on a Xeon of 2.5 GHz without SHA extensions): what each call takes, and each byte, multiplication and element more.
 */
const RUN = { call: 60_000, parameter: 0.2, multiplication: 0.03, element: 0.3 }
const CHECK = { call: 40_000, traceByte: 3.5, multiplication: 0.7, fused: 1, alone: 10 }

/** Costs by what the graph computes. */
export function costsOf(graph: IntGraph): ModelCosts {
  const { steps, values, linear, fused } = graph
  let multiplications = 0
  let check = 0
  let parameters = 0
  for (const { k, n, rows, weights, type } of linear) {
    const m = sizeOf(type.dims) / n
    multiplications += m * k * n
    parameters += weights?.length ?? 0
    // Two columns: Y·R and X·(W·R); a computed right factor is projected anew for each matrix.
    check += 2 * (m * n + m * k) + (weights === null ? 2 * k * n * (m / rows) : 0)
  }
  const elements = steps.map(step => (step.linear === null ? sizeOf(values[step.output]?.dims ?? []) : 0))
  const others = elements.reduce((sum, count) => sum + count, 0)
  let inPasses = 0
  let passes = 0
  for (const [first, { last }] of fused) {
    passes += elements[first] ?? 0
    for (let i = first; i <= last; i++) inPasses += elements[i] ?? 0
  }
  const trace = traceBytes(graph, 1)
  const run = RUN.call + RUN.parameter * parameters + RUN.multiplication * multiplications + RUN.element * others
  const checked =
    CHECK.call +
    CHECK.traceByte * trace +
    CHECK.multiplication * check +
    CHECK.fused * passes +
    CHECK.alone * (others - inPasses)
  return {
    linearOps: linear.length,
    multiplications,
    linearShare: multiplications / (multiplications + others),
    checkMultiplications: check,
    checkShare: check / multiplications,
    traceBytes: trace,
    runMicros: Math.round(run / 1_000),
    checkMicros: Math.round(checked / 1_000),
  }
}

/** What checking answers of a model costs, by its file; undefined for one that is no exact-integer model. */
export function checkCosts({ numeric }: ModelIdentity, file: Uint8Array | null): ModelCosts | undefined {
  return file === null || numeric !== INT_EXACT ? undefined : costsOf(readIntGraph(file))
}

/** µs that a gateway spends on running a model again before it uses an answer. */
const CHEAP = 5_000

/** Whether a gateway may run a model again itself: it takes no longer than a check of a trace would, or hardly anything. */
export function isCheapToRun(costs: ModelCosts | undefined): boolean {
  return costs !== undefined && costs.runMicros <= Math.max(costs.checkMicros, CHEAP)
}
