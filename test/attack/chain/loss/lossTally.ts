import type { Hex } from 'viem'
import type { AttackerResult } from './attackerSequence.ts'
import type { HonestResult } from './honestSequence.ts'

/** What many sequences came to. */
export type LossTally = {
  /** How often each move of the attacker changed something. */
  succeeded: Record<string, number>
  /** How often each error refused one. */
  refusedBy: Record<string, number>
  /** By asset: the largest part of its narrowest limit that was used at once, and of twice that in a window. */
  shares: Record<Hex, { once: number; inWindow: number }>
  /** Honest batches by kind. */
  honest: Record<string, number>
}

export function createLossTally() {
  const tally: LossTally = { succeeded: {}, refusedBy: {}, shares: {}, honest: {} }
  const count = (into: Record<string, number>, names: readonly string[]) => {
    for (const name of names) into[name] = (into[name] ?? 0) + 1
  }
  return {
    tally,
    attacked({ succeeded, refusedBy, shares }: AttackerResult): void {
      count(tally.succeeded, succeeded)
      count(tally.refusedBy, refusedBy)
      for (const [asset, { once, inWindow }] of shares) {
        const before = tally.shares[asset] ?? { once: 0, inWindow: 0 }
        tally.shares[asset] = {
          once: Math.max(before.once, once),
          inWindow: Math.max(before.inWindow, inWindow),
        }
      }
    },
    worked: ({ executed }: HonestResult) => count(tally.honest, executed),
  }
}

/** What the sequences never did, though they must: without it, that nothing was lost would say nothing. Empty: they did all. */
export function missingIn({ succeeded, refusedBy, shares, honest }: LossTally): string[] {
  const lacking = (seen: Record<string, number>, wanted: readonly string[], what: string) =>
    wanted.filter(name => seen[name] === undefined).map(name => `${what}: ${name}`)
  return [
    ...lacking(succeeded, MUST_SUCCEED, 'never succeeded'),
    ...lacking(refusedBy, MUST_REFUSE, 'never refused'),
    ...lacking(honest, MUST_WORK, 'no honest'),
    ...Object.entries(shares)
      .filter(([, { once, inWindow }]) => once < 0.99 || inWindow < 0.8)
      .map(([asset, { once, inWindow }]) => `${asset}: ${once} of a limit at once, ${inWindow} in a window`),
  ]
}

const MUST_SUCCEED = [
  ...['swap', 'three swaps', 'swap paid in native coins', 'wrap', 'unwrap', 'round trip at a desk', 'sale for nothing'],
  ...['drain', 'liquidity out', 'liquidity in', 'borrow', 'allowance used', 'allowance left', 'taken by a hook'],
  ...['allowance increased', 'allowance through Permit2', 'allowances given and taken back'],
]
const MUST_REFUSE = [
  ...['CapExceeded', 'ApprovalNeeded', 'VerifiersNeeded', 'ApprovalOutlivesBatch', 'SpenderNotListed'],
  ...['RecipientNotSafe', 'CallNotAllowed', 'ValueNotAllowed', 'NonceUsed', 'NotEnoughSignatures', 'NotAVerifier'],
]
const MUST_WORK = [
  ...['swap', 'swap in the v2 pair', 'multi-hop', 'wrap and swap', 'unwrap', 'add liquidity', 'remove liquidity'],
  ...['remove and add liquidity', 'collect fees', 'supply and borrow', 'repay and withdraw', 'transfer'],
]
