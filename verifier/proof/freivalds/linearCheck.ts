import { WarrantError } from '#verifier/evidence/error.ts'
import type { Kernels } from '#verifier/kernels/openKernels.ts'

/**
 * A linear op of an exact-integer model: accumulators Y = X·W + b, X of m × k int8, W of k × n int8 in rows (as ONNX
 * MatMul has it), b of n int32.
 */
export type LinearOp = { k: number; n: number; weights: Int8Array; bias: Int32Array | null }

/** Why accumulators are refused. */
export type LinearFault = 'shape' | 'overflow' | 'wrong'

/** Checks accumulators of one op without computing X·W. Holds secret coins: never logged, thrown away after a failure. */
export type LinearCheck = {
  /** −log2 of the chance that wrong accumulators pass: 32 for each column. */
  readonly soundnessBits: number
  /** Whether Y = X·W + b, for `m` rows; null when it holds. */
  check(x: Int8Array, y: Int32Array, m: number): LinearFault | null
}

/**
 * Freivalds' check of a linear op (R. Freivalds, 1977; evidence.md §4.1): for random R, (Y − b)·R = X·(W·R), in the ring
 * Z/2^64 with native wrap-around. An error D = Y − X·W − b that is not zero has |D| < 2^32 where neither side can
 * overflow, so that at most one value of a given 32-bit word of R hides it: a column misses it with probability at most
 * 2^-32. W·R is computed here, once; a check then costs the activations, not the weights.
 *
 * `random` fills an array with words that the worker cannot know (private coins: a verifier's own; public coins: derived
 * after the worker committed to Y).
 *
 * @throws MODEL_INVALID when the shapes do not fit
 */
export function prepareLinearCheck({
  kernels,
  op,
  columns,
  random,
}: {
  kernels: Kernels
  op: LinearOp
  columns: number
  random(words: Int32Array): void
}): LinearCheck {
  const { k, n, weights, bias } = op
  if (![k, n, columns].every(size => Number.isSafeInteger(size) && size > 0))
    throw new WarrantError('MODEL_INVALID', `a linear op of ${k} × ${n} with ${columns} columns`)
  if (weights.length !== k * n || (bias !== null && bias.length !== n))
    throw new WarrantError('MODEL_INVALID', `a linear op of ${k} × ${n} has ${weights.length} weights`)
  const coins = new Int32Array(n * columns)
  random(coins)
  const projected = kernels.projectWeights(weights, coins, { k, n, columns })
  const offsets = bias === null ? null : kernels.projectTrace(bias, coins, { m: 1, n, columns })
  const largestWeight = kernels.largestInt8(weights)
  const largestBias = bias === null ? 0 : bias.reduce((most, value) => Math.max(most, Math.abs(value)), 0)

  return {
    soundnessBits: 32 * columns,
    check(x, y, m) {
      if (!Number.isSafeInteger(m) || m < 1 || x.length !== m * k || y.length !== m * n) return 'shape'
      // Else an int32 accumulator could wrap, and a wrong one be congruent to the right one.
      if (k * kernels.largestInt8(x) * largestWeight + largestBias >= 2 ** 31) return 'overflow'
      const left = kernels.projectTrace(y, coins, { m, n, columns })
      const right = kernels.projectInput(x, projected, { m, k, columns })
      for (let i = 0; i < left.length; i++) {
        const sum = (right[i] as bigint) + (offsets?.[i % columns] ?? 0n)
        if (left[i] !== BigInt.asIntN(64, sum)) return 'wrong'
      }
      return null
    },
  }
}
