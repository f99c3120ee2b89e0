import type { Intent } from '#verifier/evidence/records/decision.ts'
import type { Call } from '#verifier/evidence/records/proposal.ts'
import type { Policy } from '#verifier/policy/policy.ts'
import type { Reading } from '../reading.ts'
import type { Show } from '../show.ts'

/** The native coin, where a token's address is asked for. */
export const NATIVE = `0x${'00'.repeat(20)}`

/** What a call does, as far as an adapter knows. Amounts in base units. */
export type DecodedCall = {
  readonly name: string
  readonly to: string
  /** Wei that it may carry: any other value makes it an unknown call. */
  readonly value: bigint
  readonly args: Readonly<Record<string, string | bigint | number>>
  /**
   * What leaves the Safe by it, or is at stake in it: nothing also where another call of the batch uses the power up;
   * `approved`: whatever the batch lets its target take.
   */
  readonly outflows: readonly { token: string; amount: bigint }[] | 'approved'
  /** Who is paid by it, where that is not the Safe by construction; null: nobody. */
  readonly pays: string | null
  /** A trade, whose price is held against the oracle. */
  readonly trade: { sold: string; amountIn: bigint; bought: string; atLeast: bigint } | null
  /** In words, for people. */
  readonly words: (show: Show) => string
}

export type Setting = { policy: Policy; validUntil: number }

/** How an intent of one type becomes calls, as the verifier expects them: written apart from the encoder in agents/build. */
export type IntentRule<I extends Intent = Intent> = {
  /** Takes its calls from the front, in order. @returns the first difference in words, or null */
  expect(intent: I, next: () => DecodedCall | undefined, setting: Setting): string | null
  /** By token symbol, or `native`: what may leave at most (negative), what must come at least. */
  changes(intent: I): readonly (readonly [symbol: string, amount: bigint])[]
}

/** What the terms of a call are held against: the policy, and the oracle's price. */
export type Terms = { policy: Policy; oracleTick: number }

/** One protocol. */
export type Adapter = {
  /** Decoders by selector, each strict: what is not the canonical encoding is null. */
  readonly calls: Readonly<Record<string, (call: Call, policy: Policy | null) => DecodedCall | null>>
  /** Decodes what has no selector of its own here, as the policy names it. */
  readonly named?: (call: Call, policy: Policy) => DecodedCall | null
  /** Why what a call accepts at worst is too little for what it gives, or null; null also for calls of others. */
  readonly terms?: (call: DecodedCall, at: Terms) => Reading<string | null>
  readonly intents: { readonly [T in Intent['type']]?: IntentRule<Extract<Intent, { type: T }>> }
}

/** The address that the policy gives a symbol, or undefined. */
export function tokenOf({ tokens }: Policy, symbol: string): string | undefined {
  return symbol === 'native' ? NATIVE : tokens.find(token => token.symbol === symbol)?.address
}

/** The first of these that is not as it must be, in words. */
export function firstDifference(
  where: string,
  expected: readonly (readonly [what: string, actual: unknown, wanted: unknown])[],
): string | null {
  for (const [what, actual, wanted] of expected)
    if (actual !== wanted) return `${where}: ${what} is ${String(actual)}, the decision says ${String(wanted)}`
  return null
}

/** How a call differs from an approval of `amount` to `spender`, in words, or null. */
export function approvalDifference(
  call: DecodedCall | undefined,
  token: string | undefined,
  spender: string,
  amount: bigint,
): string | null {
  if (call?.name !== 'approve') return `expected approve, got ${call?.name ?? 'nothing'}`
  return firstDifference('an approval', [
    ['the token', call.to, token],
    ['the spender', call.args.spender, spender],
    ['the amount', call.args.amount, amount],
  ])
}
