import { type Arena, SWAP_IN } from '../arena.ts'
import type { Mutation } from '../mutation.ts'

/** An attack on the chain's own defences. It answers 'succeeded', or why it did not. */
export type ContractAttack = {
  name: string
  /** Who refuses it: the error's name. */
  refusedBy: string
  /** The defence, mutated away. */
  without: Mutation[]
  attempt(arena: Arena): Promise<string>
}

export const MODULE = 'verifier/contracts/WarrantModule.sol'
export const SETTINGS = 'verifier/contracts/ModuleSettings.sol'
export const BUCKETS = 'verifier/contracts/Buckets.sol'
export const OUTFLOWS = 'verifier/contracts/Outflows.sol'
export const HASH = 'verifier/contracts/VerdictHash.sol'
export const GUARD = 'verifier/contracts/WarrantGuard.sol'
export const EFFECTS = 'verifier/contracts/ApprovalEffects.sol'
/** The check never bites. */
export const never = (from: string, file = MODULE): Mutation[] => [
  { file, from, to: from.replace('if (', 'if (1 == 2 && (').replace(/\) revert/, ')) revert') },
]
export const inModule = (from: string, to: string): Mutation[] => [{ file: MODULE, from, to }]

export const inSettings = (from: string, to: string): Mutation[] => [{ file: SETTINGS, from, to }]

/** What no bound names may fall. */
export const UNBOUND_FALL = inModule('&& !_isBound(bounds, asset)', '&& asset == address(1)')

/** Every measured bound holds, whatever happened. */
export const UNBOUND = inModule('if (!holds) revert', 'if (1 == 2) revert')

/** Bounds that hold nothing back. */
export const LOOSE = (arena: Arena) => [
  arena.bound(arena.dollar, -(10n ** 12n)),
  arena.bound(arena.weth, -(10n ** 19n)),
]

/** Hostile tokens bought for dollars at the exchange, one of them at least. */
export const EVIL_FOR_DOLLARS = (arena: Arena, out: bigint) => ({
  calls: [arena.approve(arena.dollar, arena.exchange, SWAP_IN), arena.trade(arena.dollar, arena.evil, SWAP_IN, out)],
  bounds: [arena.bound(arena.dollar, -SWAP_IN), arena.bound(arena.evil, 10n ** 18n)],
})
