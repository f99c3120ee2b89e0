import { toFunctionSelector } from 'viem'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { ChainPort } from '#verifier/evidence/ports/chain.ts'
import type { TreasuryIdentity } from './events.ts'

type Token = TreasuryIdentity['tokens'][number]

/** What a Safe held after a block, in base units as decimal strings: `native`, a token's address, or `ADDRESS shares`. */
export type Snapshot = Record<string, string>

/** Reads what a Safe held, each amount once: a node without an archive forgets what is older than a few minutes. */
export type Holdings = {
  /** @throws CHAIN_FAILED where the node cannot tell */
  native(block: number): Promise<bigint>
  balance(token: Token, block: number): Promise<bigint>
  /** What the token's index does not change; of a token without an index, its balance. */
  shares(token: Token, block: number): Promise<bigint>
  /** Reads all of it, so that it is known when the node has forgotten; what cannot be read is left out. */
  snapshot(block: number): Promise<Snapshot>
  /** Takes what was read in an earlier life. */
  restore(block: number, snapshot: Snapshot): void
  /** Forgets all blocks but these. */
  keepOnly(blocks: ReadonlySet<number>): void
}

/** A reader of what a Safe held at a block's end. */
export function createHoldings(
  chain: Pick<ChainPort, 'read' | 'nativeBalance'>,
  { safe, tokens }: Pick<TreasuryIdentity, 'safe' | 'tokens'>,
): Holdings {
  const known = new Map<number, Map<string, bigint>>()
  const account = safe.slice(2).padStart(64, '0')

  async function once(block: number, key: string, read: () => Promise<bigint>): Promise<bigint> {
    const has = known.get(block)?.get(key)
    if (has !== undefined) return has
    const amount = await read()
    const at = known.get(block) ?? new Map<string, bigint>()
    known.set(block, at.set(key, amount))
    return amount
  }
  async function amountOf(token: Token, selector: string, block: number): Promise<bigint> {
    const result = await chain.read({ to: token.address, data: `${selector}${account}` }, block)
    if (!/^0x[0-9a-f]{64}$/i.test(result))
      throw new WarrantError('CHAIN_FAILED', `${token.symbol} (${token.address}) tells no amount at block ${block}`)
    return BigInt(result)
  }
  const native = (block: number) => once(block, 'native', () => chain.nativeBalance(safe, block))
  const balance = (token: Token, block: number) =>
    once(block, token.address, () => amountOf(token, '0x70a08231', block))
  const shares = (token: Token, block: number) => {
    const { shares: named } = token
    if (named === undefined) return balance(token, block)
    return once(block, `${token.address} shares`, () => amountOf(token, toFunctionSelector(named), block))
  }

  return {
    native,
    balance,
    shares,
    async snapshot(block) {
      const reads = [native(block), ...tokens.flatMap(token => [balance(token, block), shares(token, block)])]
      await Promise.allSettled(reads)
      return Object.fromEntries([...(known.get(block) ?? [])].map(([key, amount]) => [key, String(amount)]))
    },
    restore(block, snapshot) {
      known.set(block, new Map(Object.entries(snapshot).map(([key, amount]) => [key, BigInt(amount)])))
    },
    keepOnly(blocks) {
      for (const block of known.keys()) if (!blocks.has(block)) known.delete(block)
    },
  }
}
