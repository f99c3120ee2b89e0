import type { IntGraph } from '#verifier/model/intGraph.ts'
import { type LinearCall, multiplyDirectly, runGraph } from '#verifier/model/runGraph.ts'
import { sizeOf } from '#verifier/model/value.ts'
import { traceBytes } from '../freivalds/traceCheck.ts'

/** One worker's side: its output and its trace, whose digests it signed. */
export type Claim = { output: Float32Array; trace: Uint8Array }

/** Where two claims part, and which of them are wrong there (by index): one at least. */
export type Ruling = { where: string; wrong: number[] }

class Parted extends Error {
  readonly ruling: Ruling
  constructor(ruling: Ruling) {
    super(ruling.where)
    this.ruling = ruling
  }
}

/**
 * Decides between claims about one input: what both agree on is taken, the first linear op whose accumulators differ is
 * computed alone, and whoever has another result there is wrong. (R. Canetti, B. Riva, G. Rothblum: refereed delegation of
 * computation, 2013.) Null when they do not differ at all: both may still be wrong together.
 */
export function referee(
  graph: IntGraph,
  input: { shape: readonly number[]; data: Float32Array },
  claims: readonly Claim[],
): Ruling | null {
  const expected = traceBytes(graph, input.shape[0] ?? 0)
  const unfit = claims.flatMap(({ trace }, i) => (trace.length === expected ? [] : [i]))
  if (unfit.length > 0) return { where: `the trace has not ${expected} bytes`, wrong: unfit }
  const traces = claims.map(({ trace }) => new Int32Array(new Uint8Array(trace).buffer))
  let at = 0
  function multiply(call: LinearCall): Int32Array {
    const size = sizeOf(call.dims)
    const sides = traces.map(words => words.subarray(at, at + size))
    at += size
    const [first] = sides as [Int32Array]
    if (sides.every(side => same(side, first))) return first
    const right = multiplyDirectly(call)
    throw new Parted({
      where: `linear op ${call.index} (${call.spec.name})`,
      wrong: sides.flatMap((side, i) => (same(side, right) ? [] : [i])),
    })
  }
  try {
    const output = bits(runGraph(graph, input, { multiply }))
    const wrong = claims.flatMap((claim, i) => (same(bits(claim.output), output) ? [] : [i]))
    return wrong.length === 0 ? null : { where: 'the output, which does not follow from the accumulators', wrong }
  } catch (error) {
    if (error instanceof Parted) return error.ruling
    throw error
  }
}

const bits = (values: Float32Array) => new Int32Array(new Float32Array(values).buffer)

function same(a: Int32Array, b: Int32Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
