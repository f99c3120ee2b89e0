import { NATIVE } from '#verifier/effects/adapters/adapter.ts'
import { decodeCall } from '#verifier/effects/decodeCall.ts'
import { microUsd } from '#verifier/effects/price.ts'
import { tokenChanges } from '#verifier/effects/tokenChanges.ts'
import type { ChainPort, ChainReceipt } from '#verifier/evidence/ports/chain.ts'
import { proposalDigest } from '#verifier/evidence/proposalDigest.ts'
import type { RecordOf } from '#verifier/evidence/record.ts'
import type { Outcome } from '#verifier/evidence/records/outcome.ts'
import type { BalanceChange } from '#verifier/evidence/records/verdict.ts'
import type { Policy } from '#verifier/policy/policy.ts'
import type { MarketPort } from './context.ts'

/** keccak256("Executed(address,uint256,bytes32)") */
const EXECUTED = '0xb145507a8c914406e782ddef9f4ab6858c6a1409e1ab79f3f8a43dada1782a10'

export type PostAuditParameters = {
  chain: ChainPort
  policy: Policy
  market: Pick<MarketPort, 'tickAt'>
  submission: RecordOf<'submission'>
  proposal: RecordOf<'proposal'>
}

/** What the chain did with a submission: status, effects from the transaction's own events, bounds, and the module's event. Null while it is not mined. */
export async function postAudit({
  chain,
  policy,
  market,
  submission,
  proposal,
}: PostAuditParameters): Promise<Pick<
  Outcome,
  'status' | 'blockNumber' | 'blockHash' | 'gasUsed' | 'gasCostWei' | 'changes' | 'checks'
> | null> {
  const receipt = await chain.receipt(submission.body.transactionHash)
  if (receipt === null) return null
  const changes = tokenChanges(receipt.logs, policy.safe, policy.tokens)
  if (policy.weth !== undefined) {
    // Native coins leave no event: what the block did to them counts as this transaction's.
    const [before, after] = await Promise.all(
      [receipt.blockNumber - 1, receipt.blockNumber].map(block => chain.nativeBalance(policy.safe, block)),
    )
    const change = (after ?? 0n) - (before ?? 0n)
    if (change !== 0n) changes.push({ asset: 'native', token: NATIVE, change: String(change) })
  }
  const success = receipt.status === 'success'
  return {
    status: receipt.status,
    blockNumber: receipt.blockNumber,
    blockHash: receipt.blockHash,
    gasUsed: String(receipt.gasUsed),
    gasCostWei: String(receipt.gasCostWei),
    changes,
    checks: [
      success
        ? executedOnce(receipt, policy, proposal)
        : { id: 'executed', ok: true, detail: 'reverted: nothing was executed' },
      boundsHeld(changes, proposal, success),
      await balancesExplained(chain, policy, receipt, changes),
      await costs({ chain, policy, market, proposal, receipt, changes }),
    ],
  }
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
  const gas = `${receipt.gasUsed} gas for ${receipt.gasCostWei} wei, paid by the executor`
  const said = (detail: string): PostCheck => ({ id: 'costs', ok: true, detail: `${detail}; ${gas}` })
  const trades = proposal.body.calls.flatMap(call => {
    const decoded = decodeCall(call, policy)
    return decoded?.trade == null ? [] : [decoded.to]
  })
  if (receipt.status !== 'success' || trades.length === 0) return said('no trade')
  const block = await chain.block(receipt.blockNumber)
  const tick = block === null ? null : await Promise.resolve(market.tickAt(block.timestamp)).catch(() => null)
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

/** What a Uniswap v2 pair keeps of the input, in 1e-6. */
const V2_FEE_PIPS = 3_000

type PostCheck = Outcome['checks'][number]

function executedOnce(receipt: ChainReceipt, policy: Policy, proposal: RecordOf<'proposal'>): PostCheck {
  const events = receipt.logs.filter(log => log.address === policy.module && log.topics[0] === EXECUTED)
  const [event] = events
  const ok =
    events.length === 1 &&
    event?.topics[1] === `0x${policy.safe.slice(2).padStart(64, '0')}` &&
    BigInt(event?.topics[2] ?? '0x0') === BigInt(proposal.body.nonce) &&
    event?.topics[3] === `0x${proposalDigest(proposal.body)}`
  return {
    id: 'executed',
    ok,
    detail: ok
      ? 'the module executed exactly this proposal'
      : `the transaction holds ${events.length} Executed events, none or not the one of this proposal`,
  }
}

function boundsHeld(changes: readonly BalanceChange[], proposal: RecordOf<'proposal'>, success: boolean): PostCheck {
  if (!success)
    return {
      id: 'bounds',
      ok: changes.length === 0,
      detail: changes.length === 0 ? 'reverted: nothing moved' : 'reverted, yet tokens moved',
    }
  for (const bound of proposal.body.bounds) {
    const change = BigInt(changes.find(c => c.token === bound.target)?.change ?? '0')
    if (change < BigInt(bound.limit))
      return {
        id: 'bounds',
        ok: false,
        detail: `${bound.target} changed by ${change}, the bound says at least ${bound.limit}`,
      }
  }
  const unbound = changes.find(c => BigInt(c.change) < 0n && !proposal.body.bounds.some(b => b.target === c.token))
  if (unbound !== undefined)
    return { id: 'bounds', ok: false, detail: `${unbound.asset} fell by ${unbound.change} without a bound` }
  return { id: 'bounds', ok: true, detail: `effects are within ${proposal.body.bounds.length} bounds` }
}

/** Between the block before and this one, the Safe's balances changed by exactly what the transaction's events say. */
async function balancesExplained(
  chain: ChainPort,
  policy: Policy,
  receipt: ChainReceipt,
  changes: readonly BalanceChange[],
): Promise<PostCheck> {
  for (const { address, symbol } of policy.tokens) {
    const data = `0x70a08231${policy.safe.slice(2).padStart(64, '0')}`
    const before = BigInt(await chain.read({ to: address, data }, receipt.blockNumber - 1))
    const after = BigInt(await chain.read({ to: address, data }, receipt.blockNumber))
    const explained = BigInt(changes.find(c => c.token === address)?.change ?? '0')
    if (after - before !== explained) {
      return {
        id: 'explained',
        ok: false,
        detail: `${symbol} changed by ${after - before} in block ${receipt.blockNumber}, this transaction explains ${explained}`,
      }
    }
  }
  return {
    id: 'explained',
    ok: true,
    detail: `every balance change of block ${receipt.blockNumber} is this transaction's`,
  }
}
