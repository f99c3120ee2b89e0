import { outflowsOf } from '#verifier/effects/valueAtRisk.ts'
import type { AuditContext, AuditPorts } from '../context.ts'

type Signed = ReturnType<AuditPorts['ledger']['entries']>[number]

/** Why a proposal may not be signed for at all: what was, or may have been, signed before. Null: nothing was. */
export function signedBefore(context: AuditContext, { ledger }: AuditPorts): string | null {
  const { proposal, siblings, firstWithNonce, maybeSigned, head } = context
  const same = ledger.entries().find(e => e.nonce === proposal.body.nonce)
  if (same !== undefined)
    return `nonce ${proposal.body.nonce} was signed before, for proposal ${same.proposalDigest.slice(0, 16)}…`
  // Two processes with one key, or one with an old journal, agree on this without a word: the log's order decides.
  if (firstWithNonce !== null && firstWithNonce !== context.proposalDigest)
    return `nonce ${proposal.body.nonce} belongs to an earlier proposal in the log, ${firstWithNonce.slice(0, 16)}…`
  if (maybeSigned !== null)
    return `this verifier's journal does not reach proposal ${maybeSigned.proposalDigest.slice(0, 16)}…, which it may have signed and which is valid until ${maybeSigned.validUntil}: it signs nothing before that`
  // One decision moves money once: it may be proposed again only when what was signed for it has expired.
  const signed = ledger.entries().find(e => isCounted(e, head) && siblings.includes(e.proposalDigest))
  if (signed !== undefined)
    return `the decision was signed for before, as proposal ${signed.proposalDigest.slice(0, 16)}…`
  return null
}

/** Executed, or still may be. */
const isCounted = ({ status, validUntil }: Signed, head: AuditContext['head']): boolean =>
  status === 'reserved' || status === 'executed' || (status === 'failed' && validUntil >= head.timestamp)

/** Why it would be too much or too often: what the log shows as executed plus what was signed and is still open. */
export function overFrequency(context: AuditContext, { ledger }: AuditPorts): string | null {
  const { policy, head, valueUsd } = context
  const { limits } = policy
  const counted = ledger.entries().filter(e => isCounted(e, head))
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
  return overTokenLimits(context, since(limits.rollingSeconds))
}

function overTokenLimits(
  { policy, proposal }: AuditContext,
  counted: readonly { outflows?: Record<string, string> | undefined }[],
): string | null {
  const outflows = outflowsOf(policy, proposal.body.calls)
  for (const [symbol, { perTrade, rolling }] of Object.entries(policy.limits.tokens ?? {})) {
    const token = policy.tokens.find(listed => listed.symbol === symbol)?.address
    if (token === undefined) return `limits.tokens names ${symbol}, which the policy does not list`
    const amount = outflows?.get(token) ?? 0n
    if (perTrade !== undefined && amount > BigInt(perTrade))
      return `sends out ${amount} ${symbol}; the policy allows ${perTrade} per trade`
    const before = counted.reduce((sum, entry) => sum + BigInt(entry.outflows?.[token] ?? 0), 0n)
    if (rolling !== undefined && amount > 0n && before + amount > BigInt(rolling))
      return `with ${before} ${symbol} before it this would exceed the rolling limit of ${rolling}`
  }
  return null
}
