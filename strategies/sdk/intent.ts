import type { Intent as RecordedIntent } from '#verifier/evidence/records/decision.ts'

/** An intent with the reason that stands in the log beside it. */
export type Intent = { readonly kind: 'intent'; readonly intent: RecordedIntent; readonly reason: string }
/** The decision to do nothing, with its reason. */
export type Hold = { readonly kind: 'hold'; readonly reason: string }

export type SwapParameters = {
  /** Symbols of the market's pair. */
  sell: string
  buy: string
  /** Base units of `sell`, > 0. */
  amountIn: bigint
  /** The most that may be lost against the last close, pool fee and price impact included. 1 bps = 0.01 %. */
  maxSlippageBps: number
  reason: string
}

export type TransferParameters = { token: string; to: string; amount: bigint; reason: string }

/**
 * A swap intent. The least to receive is the value at the last close less `maxSlippageBps`, rounded up, in the
 * treasury's favour.
 *
 * @throws RangeError for an amount that is not positive, or slippage outside 0–10,000 bps
 */
export function swapIntent(
  { sell, buy, amountIn, maxSlippageBps, reason }: SwapParameters,
  worth: (amountIn: bigint) => bigint,
): Intent {
  if (amountIn <= 0n) throw new RangeError(`swap: amountIn must be positive, got ${amountIn}`)
  if (!Number.isInteger(maxSlippageBps) || maxSlippageBps < 0 || maxSlippageBps > 10_000) {
    throw new RangeError(`swap: maxSlippageBps must be an integer from 0 to 10,000, got ${maxSlippageBps}`)
  }
  const numerator = worth(amountIn) * BigInt(10_000 - maxSlippageBps)
  const minBuy = (numerator + 9_999n) / 10_000n
  return {
    kind: 'intent',
    reason,
    intent: { type: 'swap', sell, buy, amountIn: String(amountIn), minBuy: String(minBuy) },
  }
}

/** A transfer intent: the policy must list the recipient. */
export function transferIntent({ token, to, amount, reason }: TransferParameters): Intent {
  if (amount <= 0n) throw new RangeError(`transfer: amount must be positive, got ${amount}`)
  return { kind: 'intent', reason, intent: { type: 'transfer', token, to: to.toLowerCase(), amount: String(amount) } }
}

export type WrapParameters = { token: string; amount: bigint; reason: string }

/** Native coins into the token that wraps them, or back. Amount in wei. @throws RangeError when it is not positive */
export function wrapIntent(type: 'wrap' | 'unwrap', { token, amount, reason }: WrapParameters): Intent {
  if (amount <= 0n) throw new RangeError(`${type}: amount must be positive, got ${amount}`)
  return { kind: 'intent', reason, intent: { type, token, amount: String(amount) } }
}
