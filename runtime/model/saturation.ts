import type { IntGraph } from '#verifier/model/intGraph.ts'
import type { LinearSpec } from '#verifier/model/linear.ts'

/** What a signed 16-bit sum holds. */
const LEAST = -(2 ** 15)
const MOST = 2 ** 15 - 1

/** A linear op whose 16-bit pairs may not fit, and the furthest that one of them may come. */
export type Saturating = { spec: LinearSpec; reaches: number }

/**
 * Linear ops that may come out wrong on kernels which add pairs of (uint8, int8) products in 16 bits (x86 without VNNI).
 * Decided by the weights and by the range that is proven of the input: uint8 as it is stored, the zero point included.
 * Products of two computed values are (uint8, uint8), for which there is no such kernel.
 */
export function saturatingOps({ linear, steps, values }: Pick<IntGraph, 'linear' | 'steps' | 'values'>): Saturating[] {
  return steps.flatMap(({ linear: index, inputs }) => {
    const spec = index === null ? undefined : linear[index]
    const input = values[inputs[0] ?? -1]
    if (spec === undefined || spec.weights === null || input === undefined) return []
    const reaches = furthestPair(spec.weights, spec, input)
    return reaches < LEAST || reaches > MOST ? [{ spec, reaches }] : []
  })
}

/**
 * The sum of two products that lies furthest beyond 16 bits, or furthest out when none does. Every two neighbours along
 * K are tried, not only those that a kernel pairs today: which ones it pairs depends on how it packs.
 */
export function furthestPair(
  weights: Int8Array,
  { k, n }: { k: number; n: number },
  { lo, hi }: { lo: number; hi: number },
): number {
  // What one product may be at most and at least: weights of either sign meet the end that serves them.
  const most = (weight: number) => weight * (weight > 0 ? hi : lo)
  const least = (weight: number) => weight * (weight > 0 ? lo : hi)
  let highest = 0
  let lowest = 0
  for (let row = 0; row < k; row++) {
    for (let column = 0; column < n; column++) {
      const first = weights[row * n + column] as number
      // The last one of an odd number stands beside a zero.
      const second = row + 1 < k ? (weights[(row + 1) * n + column] as number) : 0
      const up = most(first) + most(second)
      const down = least(first) + least(second)
      if (up > highest) highest = up
      if (down < lowest) lowest = down
    }
  }
  return highest - MOST > LEAST - lowest ? highest : lowest
}
