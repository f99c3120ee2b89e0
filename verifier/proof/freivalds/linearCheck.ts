import { WarrantError } from '#verifier/evidence/error.ts'
import type { Address, Workspace } from '#verifier/kernels/openWorkspace.ts'

/** The right factor of a linear op Y = X·W: W of k × n int8 in rows (as ONNX MatMul has it). */
export type LinearOp = { k: number; n: number; weights: Int8Array }

/** Checks accumulators of one op without computing X·W. Holds secret coins: never logged, thrown away after a failure. */
export type LinearCheck = {
  /** −log2 of the chance that wrong accumulators pass: 32 for each column. */
  readonly soundnessBits: number
  /** Whether Y = X·W: `x` m × k int8, `y` m × n int32, in rows, in the workspace. Takes `scratchFor(m)` bytes of scratch. */
  holds(x: Address, y: Address, m: number): boolean
}

/** Scratch that a check of `m` rows takes. */
export function scratchFor(m: number, columns: number): number {
  return 2 * (8 * m * columns + 16)
}

/** Scratch that preparing an op takes. */
export function scratchToPrepare({ k, n }: LinearOp, columns: number): number {
  return k * n + 8 * k * columns + 4 * n * columns + 5 * 16
}

/** Room that a prepared op takes. */
export function roomFor({ k, n }: LinearOp, columns: number): number {
  return 4 * n * columns + 8 * ((k + 7) & ~7) * columns + 4 * 16
}

/**
 * Freivalds' check of a linear op (R. Freivalds, 1977; evidence.md §4.1): for random R, Y·R = X·(W·R), in the ring Z/2^64
 * with native wrap-around. An error D = Y − X·W that is not zero has |D| < 2^32 where no accumulator can overflow, so
 * that at most one value of a given 32-bit word of R hides it: a column misses it with probability at most 2^-32. W·R is
 * computed here, once; a check then costs the activations, not the weights.
 *
 * `random` fills an array with words that the worker cannot know (private coins: a verifier's own; public coins: derived
 * after the worker committed to Y). `room` takes what stays for as long as the check is used; `scratchToPrepare` bytes of
 * scratch must have been begun.
 *
 * @throws MODEL_INVALID when the shapes do not fit, or a sum could leave int32
 */
export function prepareLinearCheck({
  workspace,
  op,
  columns,
  random,
  room,
}: {
  workspace: Workspace
  op: LinearOp
  columns: number
  random(words: Int32Array): void
  room(bytes: number): Address
}): LinearCheck {
  const { k, n, weights } = op
  const { kernels } = workspace
  if (![k, n, columns].every(size => Number.isSafeInteger(size) && size > 0) || weights.length !== k * n)
    throw new WarrantError(
      'MODEL_INVALID',
      `a linear op of ${k} × ${n} with ${columns} columns has ${weights.length} weights`,
    )
  // Else an int32 accumulator could wrap, and a wrong one be congruent to the right one.
  if (k * 128 * 128 >= 2 ** 31 && k * 128 * largest(weights) >= 2 ** 31)
    throw new WarrantError('MODEL_INVALID', `a linear op of ${k} products could leave int32`)
  const coins = room(4 * n * columns)
  const digits = room(8 * ((k + 7) & ~7) * columns)
  random(new Int32Array(workspace.buffer(), coins, n * columns))
  const projected = workspace.room(8 * k * columns)
  const halves = workspace.room(4 * n * columns)
  kernels.projectWeights(workspace.put(weights), k, n, coins, columns, halves, projected)
  kernels.splitDigits(projected, k, columns, digits)

  return {
    soundnessBits: 32 * columns,
    holds(x, y, m) {
      const left = workspace.room(8 * m * columns)
      const right = workspace.room(8 * m * columns)
      kernels.projectTrace(y, m, n, coins, columns, left)
      kernels.projectInput(x, m, k, digits, columns, right)
      return kernels.same(left, right, 8 * m * columns) === 1
    },
  }
}

function largest(weights: Int8Array): number {
  let most = 0
  for (const weight of weights) most = Math.max(most, Math.abs(weight))
  return most
}
