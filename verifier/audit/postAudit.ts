import { NATIVE } from '#verifier/effects/adapters/adapter.ts'
import { decodeCall } from '#verifier/effects/decodeCall.ts'
import { microUsd } from '#verifier/effects/price.ts'
import { DEPOSIT, tokenChanges, WITHDRAWAL } from '#verifier/effects/tokenChanges.ts'
import type { ChainLog, ChainPort, ChainReceipt } from '#verifier/evidence/ports/chain.ts'
import type { MarketPort } from '#verifier/evidence/ports/market.ts'
import { proposalDigest } from '#verifier/evidence/proposalDigest.ts'
import type { RecordOf } from '#verifier/evidence/record.ts'
import type { Outcome } from '#verifier/evidence/records/outcome.ts'
import { BOUND_KINDS } from '#verifier/evidence/records/proposal.ts'
import type { BalanceChange } from '#verifier/evidence/records/verdict.ts'
import { readTransaction } from '#verifier/evidence/transaction.ts'
import type { Policy } from '#verifier/policy/policy.ts'
import { decodeExecuted, executedDifference } from './executedCalls.ts'
import { amountIn, EXECUTED, SAFE_RECEIVED, TRANSFER, topicOf } from './treasury/events.ts'

export type PostAuditParameters = {
  chain: ChainPort
  policy: Policy
  /** Null: the costs are told without the oracle's price. */
  market: Pick<MarketPort, 'tickAt'> | null
  submission: RecordOf<'submission'>
  proposal: RecordOf<'proposal'>
}

/** What a mined submission did, as its receipt tells it: the part of an outcome that any node can tell at any time. */
export type MinedOutcome = Pick<
  Outcome,
  'status' | 'blockNumber' | 'blockHash' | 'gasUsed' | 'gasCostWei' | 'changes' | 'checks'
> & { receipt: ChainReceipt }

/** Status, effects by the transaction's own events, bounds, and what was executed. Null while it is not mined. @throws CHAIN_FAILED */
export async function minedOutcome({
  chain,
  policy,
  submission,
  proposal,
}: Omit<PostAuditParameters, 'market'>): Promise<MinedOutcome | null> {
  const receipt = await chain.receipt(submission.body.transactionHash)
  if (receipt === null) return null
  const success = receipt.status === 'success'
  const changes = [
    ...tokenChanges(receipt.logs, policy.safe, policy.tokens),
    ...nativeChange(receipt, policy, proposal),
  ]
  return {
    receipt,
    status: receipt.status,
    blockNumber: receipt.blockNumber,
    blockHash: receipt.blockHash,
    gasUsed: String(receipt.gasUsed),
    gasCostWei: String(receipt.gasCostWei),
    changes,
    checks: [
      success
        ? executedOnce(receipt, policy, proposal, submission)
        : { id: 'executed', ok: true, detail: 'reverted: nothing was executed' },
      boundsHeld(changes, proposal, success),
    ],
  }
}

/**
 * What the chain did with a submission: status, effects, what was executed against the proposal, bounds, whether the block's
 * balances agree, and what it cost. Null while it is not mined.
 *
 * @throws CHAIN_FAILED, also where the node no longer has the state of that block
 */
export async function postAudit(parameters: PostAuditParameters): Promise<Omit<MinedOutcome, 'receipt'> | null> {
  const { chain, policy, market, proposal } = parameters
  const mined = await minedOutcome(parameters)
  if (mined === null) return null
  const { receipt, checks, changes, ...fields } = mined
  return {
    ...fields,
    changes,
    checks: [
      ...checks,
      await balancesExplained({ chain, policy, receipt, changes, proposal }),
      await costs({ chain, policy, market, proposal, receipt, changes }),
    ],
  }
}

/** Native coins have no events of their own: what the calls carry leaves, and what a plain transfer brings is told by the Safe. */
function nativeChange(receipt: ChainReceipt, { safe }: Policy, { body }: RecordOf<'proposal'>): BalanceChange[] {
  if (receipt.status !== 'success') return []
  const came = receipt.logs.filter(log => log.address === safe && log.topics[0] === SAFE_RECEIVED)
  const change =
    came.reduce((sum, log) => sum + amountIn(log), 0n) - body.calls.reduce((sum, { value }) => sum + BigInt(value), 0n)
  return change === 0n ? [] : [{ asset: 'native', token: NATIVE, change: String(change) }]
}

/** What it cost, for people: beside the oracle's price at that block, the pool's own fee, and gas. Refuses nothing. */
async function costs({
  chain,
  policy,
  market,
  proposal,
  receipt,
  changes,
}: Omit<PostAuditParameters, 'submission'> & {
  receipt: ChainReceipt
  changes: readonly BalanceChange[]
}): Promise<PostCheck> {
  const gas = gasWords(receipt)
  const said = (detail: string): PostCheck => ({ id: 'costs', ok: true, detail: `${detail}; ${gas}` })
  const trades = proposal.body.calls.flatMap(call => {
    const decoded = decodeCall(call, policy)
    return decoded?.trade == null ? [] : [decoded.to]
  })
  if (receipt.status !== 'success' || trades.length === 0) return said('no trade')
  const block = await chain.block(receipt.blockNumber)
  const tick =
    block === null || market === null ? null : await Promise.resolve(market.tickAt(block.timestamp)).catch(() => null)
  const worth = changes.map(({ token, change }) =>
    tick === null ? null : microUsd(policy, token, BigInt(change), tick),
  )
  if (worth.some(micro => micro === null)) return said('the oracle has no price for it')
  const sum = (isOne: (micro: bigint) => boolean) =>
    worth.reduce<bigint>((total, micro) => (micro !== null && isOne(micro) ? total + micro : total), 0n)
  const [gave, got] = [-sum(micro => micro < 0n), sum(micro => micro > 0n)]
  const dollars = (micro: bigint) => (Number(micro) / 1e6).toFixed(2)
  const bps = gave === 0n ? 0 : Number(((gave - got) * 100_000n) / gave) / 10
  const fees = trades.map(to => policy.uniswapV3.find(({ router }) => router === to)?.feePips ?? V2_FEE_PIPS)
  return said(
    `gave ${dollars(gave)} USD and got ${dollars(got)} at the oracle's price: ${Math.abs(bps)} bps ${bps < 0 ? 'gained' : 'lost'}, ${[...new Set(fees)].map(fee => fee / 100).join(' or ')} bps of it the pool's fee`,
  )
}

/** The part of the costs that the chain alone tells. */
export function gasWords({ gasUsed, gasCostWei }: Pick<ChainReceipt, 'gasUsed' | 'gasCostWei'>): string {
  return `${gasUsed} gas for ${gasCostWei} wei, paid by the executor`
}

/** What a Uniswap v2 pair keeps of the input, in 1e-6. */
const V2_FEE_PIPS = 3_000

type PostCheck = Outcome['checks'][number]

function executedOnce(
  receipt: ChainReceipt,
  policy: Policy,
  proposal: RecordOf<'proposal'>,
  submission: RecordOf<'submission'>,
): PostCheck {
  const events = receipt.logs.filter(log => log.address === policy.module && log.topics[0] === EXECUTED)
  const [event] = events
  const isIts =
    events.length === 1 &&
    event?.topics[1] === topicOf(policy.safe) &&
    BigInt(event?.topics[2] ?? '0x0') === BigInt(proposal.body.nonce) &&
    event?.topics[3] === `0x${proposalDigest(proposal.body)}`
  const said = (ok: boolean, detail: string): PostCheck => ({ id: 'executed', ok, detail: detail.slice(0, 2_000) })
  if (!isIts)
    return said(false, `the transaction holds ${events.length} Executed events, none or not the one of this proposal`)
  const executed = decodeExecuted(readTransaction(submission.body.rawTransaction).data)
  const difference = executed === null ? 'its call cannot be read' : executedDifference(executed, proposal.body, null)
  return difference === null
    ? said(true, 'the module executed exactly this proposal, call by call')
    : said(false, `the module executed other than the proposal says: ${difference}`)
}

function boundsHeld(changes: readonly BalanceChange[], proposal: RecordOf<'proposal'>, success: boolean): PostCheck {
  if (!success)
    return {
      id: 'bounds',
      ok: changes.length === 0,
      detail: changes.length === 0 ? 'reverted: nothing moved' : 'reverted, yet tokens moved',
    }
  // Debts, positions and health have no events: the module itself held them.
  const bounds = proposal.body.bounds.filter(({ kind }) => kind === BOUND_KINDS.balanceChangeAtLeast)
  for (const bound of bounds) {
    const change = BigInt(changes.find(c => c.token === bound.target)?.change ?? '0')
    if (change < BigInt(bound.limit))
      return {
        id: 'bounds',
        ok: false,
        detail: `${bound.target} changed by ${change}, the bound says at least ${bound.limit}`,
      }
  }
  const unbound = changes.find(c => BigInt(c.change) < 0n && !bounds.some(b => b.target === c.token))
  if (unbound !== undefined)
    return { id: 'bounds', ok: false, detail: `${unbound.asset} fell by ${unbound.change} without a bound` }
  return { id: 'bounds', ok: true, detail: `effects are within ${proposal.body.bounds.length} bounds` }
}

/**
 * Whether the balances of the block agree with its events, this transaction's and others'. What came without an event is a
 * gain. What is missing counts, but for what arrived short of its own event, and for what a bound of the proposal covers.
 *
 * @throws CHAIN_FAILED where the node does not have the state of the block
 */
export async function balancesExplained({
  chain,
  policy,
  receipt,
  changes,
  proposal,
}: {
  chain: ChainPort
  policy: Policy
  receipt: ChainReceipt
  changes: readonly BalanceChange[]
  proposal: RecordOf<'proposal'>
}): Promise<PostCheck> {
  const block = receipt.blockNumber
  const notes: string[] = []
  const said = (ok: boolean, detail: string): PostCheck => ({ id: 'explained', ok, detail: detail.slice(0, 2_000) })
  const me = topicOf(policy.safe)
  for (const { address, symbol } of policy.tokens) {
    const data = `0x70a08231${me.slice(2)}`
    const [before, after] = [
      BigInt(await chain.read({ to: address, data }, block - 1)),
      BigInt(await chain.read({ to: address, data }, block)),
    ]
    const change = after - before
    const own = BigInt(changes.find(c => c.token === address)?.change ?? '0')
    if (change === own) continue
    const logs = await blockLogs(chain, address, me, block)
    const told = BigInt(tokenChanges(logs, policy.safe, [{ symbol, address }])[0]?.change ?? '0')
    if (told !== own) notes.push(`other transactions of the block moved ${told - own} ${symbol}`)
    if (change > told) notes.push(`${change - told} ${symbol} came without an event`)
    if (change >= told) continue
    const incoming = logs.filter(log => log.topics[2] === me).reduce((sum, log) => sum + amountIn(log), 0n)
    const bound = proposal.body.bounds.find(
      ({ kind, target }) => kind === BOUND_KINDS.balanceChangeAtLeast && target === address,
    )
    const isCovered = bound !== undefined && change - (told - own) >= BigInt(bound.limit)
    if (told - change > incoming && !isCovered)
      return said(false, `${symbol} changed by ${change} in block ${block}, its events explain ${told}`)
    notes.push(`${told - change} ${symbol} less than its events tell: a fee, or rounding`)
  }
  return said(
    true,
    notes.length === 0
      ? `every balance change of block ${block} is this transaction's`
      : `block ${block}: ${notes.join('; ')}`,
  )
}

/** Events of one token by which it moved to or from the Safe in one block. */
async function blockLogs(chain: ChainPort, token: string, me: string, block: number): Promise<ChainLog[]> {
  const range = { address: token, fromBlock: block, toBlock: block }
  const found = await Promise.all([
    chain.logs({ topics: [TRANSFER, me], ...range }),
    chain.logs({ topics: [TRANSFER, null, me], ...range }),
    chain.logs({ topics: [[DEPOSIT, WITHDRAWAL], me], ...range }),
  ])
  return [...new Map(found.flat().map(log => [log.logIndex, log])).values()]
}
