import type { Policy } from './policy.ts'

const DAY = 86_400

/** How long a failure counts, seconds. */
export const failureSeconds = ({ failureSeconds = 7 * DAY }: Pick<Policy['limits'], 'failureSeconds'>): number =>
  failureSeconds

/** How long a highest value of the treasury counts, seconds. */
export const drawdownSeconds = ({ drawdownSeconds = 30 * DAY }: Pick<Policy['limits'], 'drawdownSeconds'>): number =>
  drawdownSeconds

/** From when a highest value of the treasury counts, seconds: a window, or the owners' reset. */
export function highestSince(
  limits: Pick<Policy['limits'], 'drawdownSeconds' | 'brakesFromSeconds'>,
  nowSeconds: number,
): number {
  return Math.max(nowSeconds - drawdownSeconds(limits), limits.brakesFromSeconds ?? 0)
}

/** From when failures count, seconds. */
export function failuresSince(
  limits: Pick<Policy['limits'], 'failureSeconds' | 'brakesFromSeconds'>,
  nowSeconds: number,
): number {
  return Math.max(nowSeconds - failureSeconds(limits), limits.brakesFromSeconds ?? 0)
}
