import { reasonOf } from '#verifier/evidence/error.ts'
import { isLeaving } from './attribute.ts'
import { type Activity, amountIn, type TreasuryIdentity, topicOf } from './events.ts'
import type { Holdings } from './holdings.ts'

type Token = TreasuryIdentity['tokens'][number]

export type FallsParameters = {
  holdings: Holdings
  identity: TreasuryIdentity
  activities: readonly Activity[]
  /** What was held after this block … */
  fromBlock: number
  /** … and after this one. */
  toBlock: number
}

/** What balances say beyond events. */
export type Falls = {
  /** What is gone, and no event tells why. */
  fallen: string[]
  /** What the node could not tell. */
  unseen: string[]
  /** What came, and what a token did by its own rules: no loss that somebody caused. */
  notes: string[]
}

/** Units that a rebasing token may round away in one transfer. */
const ROUNDED = 2n

/**
 * Compares balances with events between two blocks. A gain is a note: interest, a gift, a rebase. What falls without an
 * event is told, but where the owners or the module acted in that block, and but for what arrived short of its own event (a
 * token that takes a fee). A token with an index is followed by its shares, which its index does not change.
 *
 * @example (await readFalls({ holdings, identity, activities, fromBlock, toBlock })).fallen // ['USDC fell by 7 …']
 */
export async function readFalls(parameters: FallsParameters): Promise<Falls> {
  const falls: Falls = { fallen: [], unseen: [], notes: [] }
  const acted = new Set(
    parameters.activities
      .filter(({ owners, executed, modules }) => owners.length + executed.length + modules.length > 0)
      .map(({ blockNumber }) => blockNumber),
  )
  const attempt = (what: string, work: () => Promise<void>) =>
    work().catch((error: unknown) => void falls.unseen.push(`${what}: ${reasonOf(error)}`))
  for (const token of parameters.identity.tokens)
    await attempt(`the balance of ${token.symbol}`, () =>
      token.shares === undefined
        ? plainFall(parameters, token, acted, falls)
        : sharesFall(parameters, token, acted, falls),
    )
  await attempt('native coins', () => nativeFall(parameters, acted, falls))
  return falls
}

/** What a token's events say of one block. */
type Told = { incoming: bigint; outgoing: bigint; events: number }

function toldByBlock({ activities, identity }: FallsParameters, { address }: Token): Map<number, Told> {
  const me = topicOf(identity.safe)
  const blocks = new Map<number, Told>()
  for (const log of activities.flatMap(({ tokens }) => tokens)) {
    if (log.address !== address) continue
    const told = blocks.get(log.blockNumber) ?? { incoming: 0n, outgoing: 0n, events: 0 }
    told.events++
    if (isLeaving(log, me)) told.outgoing += amountIn(log)
    // From the Safe to the Safe: neither.
    else if (log.topics[1] !== log.topics[2]) told.incoming += amountIn(log)
    blocks.set(log.blockNumber, told)
  }
  return blocks
}

const NOTHING: Told = { incoming: 0n, outgoing: 0n, events: 0 }

async function plainFall(
  parameters: FallsParameters,
  token: Token,
  acted: ReadonlySet<number>,
  { fallen, notes }: Falls,
): Promise<void> {
  const { holdings, fromBlock, toBlock } = parameters
  const told = toldByBlock(parameters, token)
  const expected = [...told.values()].reduce((sum, { incoming, outgoing }) => sum + incoming - outgoing, 0n)
  const change = (await holdings.balance(token, toBlock)) - (await holdings.balance(token, fromBlock))
  if (change > expected) notes.push(`${change - expected} of ${token.symbol} came without an event`)
  let short = expected - change
  for (const block of [...new Set([...told.keys(), ...acted])].sort((a, b) => a - b)) {
    if (short <= 0n) return
    const { incoming, outgoing } = told.get(block) ?? NOTHING
    const here = (await holdings.balance(token, block)) - (await holdings.balance(token, block - 1))
    const missing = incoming - outgoing - here
    if (missing <= 0n) continue
    const allowed = acted.has(block) || missing < incoming ? missing : incoming
    if (allowed === 0n) continue
    short -= allowed
    notes.push(`${allowed} of ${token.symbol} less than its events tell in block ${block}: a fee, or rounding`)
  }
  if (short > 0n)
    fallen.push(`${token.symbol} changed by ${change}, its events explain ${expected}: ${short} fell without a reason`)
}

async function sharesFall(
  parameters: FallsParameters,
  token: Token,
  acted: ReadonlySet<number>,
  { fallen, notes }: Falls,
): Promise<void> {
  const { holdings, fromBlock, toBlock } = parameters
  const told = toldByBlock(parameters, token)
  const [before, after] = [await holdings.shares(token, fromBlock), await holdings.shares(token, toBlock)]
  let rest = after - before
  // Without events, and without a fall, no block has to be looked at.
  for (const block of new Set([...told.keys(), ...acted])) {
    if (!told.has(block) && rest >= 0n) continue
    const now = await holdings.shares(token, block)
    const moved = now - (await holdings.shares(token, block - 1))
    rest -= moved
    const { incoming, outgoing, events } = told.get(block) ?? NOTHING
    if (acted.has(block)) continue
    const worth = now === 0n ? -outgoing : (moved * (await holdings.balance(token, block))) / now
    if (worth + ROUNDED * BigInt(events) < -outgoing)
      fallen.push(`${token.symbol}: shares worth ${-worth} left in block ${block}, its events explain ${outgoing}`)
    else if (worth + ROUNDED * BigInt(events) < incoming - outgoing)
      notes.push(`${token.symbol}: shares worth ${worth} in block ${block}, its events tell ${incoming - outgoing}`)
  }
  if (rest < 0n) fallen.push(`${token.symbol}: ${-rest} shares fell without a reason`)
  const [held, holds] = [await holdings.balance(token, fromBlock), await holdings.balance(token, toBlock)]
  // Worth per share, compared without a fraction.
  if (before > 0n && after > 0n && holds * before !== held * after)
    notes.push(
      `${token.symbol}: its index ${holds * before > held * after ? 'rose' : 'fell'}: ${before} shares were ${held}, ${after} are ${holds}`,
    )
}

/** Native coins leave without an event: what is missing beside the blocks in which something was executed through the Safe. */
async function nativeFall(
  { holdings, activities, fromBlock, toBlock }: FallsParameters,
  acted: ReadonlySet<number>,
  { fallen, notes }: Falls,
): Promise<void> {
  let rest = (await holdings.native(toBlock)) - (await holdings.native(fromBlock))
  for (const block of acted) rest -= (await holdings.native(block)) - (await holdings.native(block - 1))
  for (const { received } of activities)
    for (const log of received) if (!acted.has(log.blockNumber)) rest -= BigInt(log.data)
  if (rest > 0n) notes.push(`${rest} wei of native coins came without an event`)
  if (rest < 0n)
    fallen.push(`${-rest} wei of native coins left in blocks where neither the owners nor the module executed anything`)
}
