import { ADAPTERS } from '#verifier/effects/adapters/index.ts'
import { decodeCall } from '#verifier/effects/decodeCall.ts'
import { amountsOf } from '#verifier/effects/liquidity.ts'
import { readPositions } from '#verifier/effects/positions.ts'
import { microUsd } from '#verifier/effects/price.ts'
import { type AuditContext, type AuditPorts, type Check, type CheckOutcome, deny, pass } from '../context.ts'

const DOLLAR = 1_000_000n

type Read = { to: string; data: string }

/** 8. Limits: what the log shows as executed plus what this verifier has signed and not yet seen executed or expired. */
export const policyCheck: Check = {
  id: 'policy',
  async run(context, ports) {
    const { policy, proposal, head, valueUsd, oracleTick } = context
    const { limits } = policy
    if (valueUsd === null || oracleTick === null) return deny('the value at risk is unknown')
    const { validUntil } = proposal.body
    if (validUntil < head.timestamp) return deny(`expired: valid until ${validUntil}, chain time is ${head.timestamp}`)
    if (validUntil - head.timestamp > limits.maxValiditySeconds)
      return deny(`valid for ${validUntil - head.timestamp} s; the policy allows ${limits.maxValiditySeconds}`)
    if (valueUsd > limits.perTradeUsd)
      return deny(`moves ${valueUsd} USD; the policy allows ${limits.perTradeUsd} per trade`)
    const frequency = overFrequency(context, ports)
    if (frequency !== null) return deny(frequency)
    for (const call of proposal.body.calls) {
      const pays = decodeCall(call, policy)?.pays ?? null
      if (pays !== null && pays !== policy.safe && !policy.recipients.includes(pays))
        return deny(`transfers to ${pays}, which the policy does not list`)
    }
    return (
      (await slippage(context)) ??
      (await terms(context, ports)) ??
      (await drawdown(context, ports)) ??
      approvals(context) ??
      pass(`${valueUsd} USD at risk, within every limit`, [`oracle: ${ports.market.description}`])
    )
  },
}

function overFrequency(context: AuditContext, { ledger }: AuditPorts): string | null {
  const { policy, head, valueUsd, proposal, siblings, firstWithNonce, maybeSigned } = context
  const { limits } = policy
  const counted = ledger.entries().filter(e => e.status === 'reserved' || e.status === 'executed')
  const same = ledger.entries().find(e => e.nonce === proposal.body.nonce)
  if (same !== undefined)
    return `nonce ${proposal.body.nonce} was signed before, for proposal ${same.proposalDigest.slice(0, 16)}…`
  // Two processes with one key, or one with an old journal, agree on this without a word: the log's order decides.
  if (firstWithNonce !== null && firstWithNonce !== context.proposalDigest)
    return `nonce ${proposal.body.nonce} belongs to an earlier proposal in the log, ${firstWithNonce.slice(0, 16)}…`
  if (maybeSigned !== null)
    return `this verifier's journal does not reach proposal ${maybeSigned.proposalDigest.slice(0, 16)}…, which it may have signed and which is valid until ${maybeSigned.validUntil}: it signs nothing before that`
  // One decision moves money once: it may be proposed again only when what was signed for it has expired.
  const signed = ledger.entries().find(e => e.status !== 'expired' && siblings.includes(e.proposalDigest))
  if (signed !== undefined)
    return `the decision was signed for before, as proposal ${signed.proposalDigest.slice(0, 16)}…`
  const since = (seconds: number) => counted.filter(e => e.signedAtSeconds > head.timestamp - seconds)
  const moved = since(limits.rollingSeconds).reduce((sum, e) => sum + e.usd, 0)
  if (moved + (valueUsd ?? 0) > limits.rollingUsd) {
    return `with ${moved} USD in the last ${limits.rollingSeconds} s this would exceed the rolling limit of ${limits.rollingUsd} USD`
  }
  const lastHour = since(3_600).length
  if (lastHour >= limits.tradesPerHour)
    return `${lastHour} trades in the last hour; the policy allows ${limits.tradesPerHour}`
  const last = counted.at(-1)
  if (last !== undefined && head.timestamp - last.signedAtSeconds < limits.cooldownSeconds) {
    return `the last trade was ${head.timestamp - last.signedAtSeconds} s ago; the policy asks for ${limits.cooldownSeconds}`
  }
  const recent = ledger.entries().filter(e => e.status === 'executed' || e.status === 'failed')
  const failures = recent.length - 1 - recent.findLastIndex(e => e.status === 'executed')
  if (failures >= limits.maxConsecutiveFailures)
    return `the last ${failures} executions failed; the policy stops at ${limits.maxConsecutiveFailures}`
  return null
}

/** What each trade may get at the worst, against the oracle, never against the pool that it trades in. */
async function slippage({ policy, proposal, oracleTick }: AuditContext): Promise<CheckOutcome | null> {
  for (const call of proposal.body.calls) {
    const trade = decodeCall(call, policy)?.trade ?? null
    if (trade === null) continue
    const sold = microUsd(policy, trade.sold, trade.amountIn, oracleTick as number)
    const bought = microUsd(policy, trade.bought, trade.atLeast, oracleTick as number)
    if (sold === null || bought === null) return deny(`the policy has no price for ${trade.sold} or ${trade.bought}`)
    const lostBps = sold === 0n ? 0n : ((sold - bought) * 10_000n) / sold
    if (lostBps > BigInt(policy.limits.maxSlippageBps)) {
      return deny(`could lose ${lostBps} bps against the oracle; the policy allows ${policy.limits.maxSlippageBps}`)
    }
  }
  return null
}

/** What calls beyond trades accept at the worst, by the protocols' own rules. */
async function terms({ policy, proposal, oracleTick, head }: AuditContext, { chain }: AuditPorts) {
  const at = { policy, oracleTick: oracleTick as number, read: (call: Read) => chain.read(call, head.number) }
  for (const call of proposal.body.calls) {
    const decoded = decodeCall(call, policy)
    if (decoded === null) return deny(`a call to ${call.to} cannot be decoded`)
    for (const adapter of ADAPTERS) {
      const poor = (await adapter.terms?.(decoded, at)) ?? null
      if (poor !== null) return deny(poor)
    }
  }
  return null
}

async function drawdown(
  { policy, observation, oracleTick, head }: AuditContext,
  { ledger, chain }: AuditPorts,
): Promise<CheckOutcome | null> {
  const balances = observation?.body.view.balances ?? {}
  let micro = 0n
  for (const token of policy.tokens)
    micro += microUsd(policy, token.address, BigInt(balances[token.symbol] ?? '0'), oracleTick as number) ?? 0n
  for (const market of policy.uniswapV3) {
    if (market.positions === undefined) continue
    const read = (call: Read) => chain.read(call, head.number)
    for (const held of await readPositions(read, policy.safe, { ...market, positions: market.positions })) {
      const amounts = amountsOf(held.liquidity, held.tickLower, held.tickUpper, oracleTick as number)
      for (const [i, token] of [market.token0, market.token1].entries())
        micro += microUsd(policy, token, amounts[i] ?? 0n, oracleTick as number) ?? 0n
    }
  }
  const nowUsd = Number(micro / DOLLAR)
  const highest = Math.max(nowUsd, ledger.highestTreasuryUsd())
  const fallBps = highest === 0 ? 0 : Math.floor(((highest - nowUsd) * 10_000) / highest)
  return fallBps > policy.limits.maxDrawdownBps
    ? deny(
        `the treasury has fallen by ${fallBps} bps from ${highest} USD; the policy stops at ${policy.limits.maxDrawdownBps}`,
      )
    : null
}

function approvals({ policy, valueUsd, approvals: given }: AuditContext): CheckOutcome | null {
  const { aboveUsd, approvers, threshold } = policy.approvals
  if (aboveUsd === null || (valueUsd as number) <= aboveUsd) return null
  if (given.some(a => a.body.answer === 'reject')) return deny('an approver rejected it')
  const signers = new Set(given.map(a => a.body.signer).filter(signer => approvers.includes(signer)))
  return signers.size >= threshold
    ? null
    : deny(`${valueUsd} USD need ${threshold} approvals, ${signers.size} are there`)
}
