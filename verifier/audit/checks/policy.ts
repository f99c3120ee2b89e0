import { decodeCall } from '#verifier/effects/decodeCall.ts'
import { grossOutflows } from '#verifier/effects/grossOutflows.ts'
import { moduleLimits, verifiersDemanded } from '#verifier/effects/moduleLimits.ts'
import { treasuryUsd } from '#verifier/effects/treasuryValue.ts'
import { pricingFault } from '#verifier/policy/pricingFault.ts'
import { type AuditContext, type AuditPorts, type Check, type CheckOutcome, deny, pass } from '../context.ts'
import { overFrequency, signedBefore } from './frequency.ts'
import { deadlineFault, type People, peopleOf } from './people.ts'
import { priceImpact, slippage, terms } from './price.ts'

/** 8. Limits: what the log shows as executed plus what this verifier has signed and not yet seen executed or expired. */
export const policyCheck: Check = {
  id: 'policy',
  async run(context, ports) {
    const { policy, proposal, valueUsd, oracleTick } = context
    const unpriced = pricingFault(policy)
    if (unpriced !== null) return deny(unpriced)
    if (valueUsd === null || oracleTick === null) return deny('the value at risk is unknown')
    const isExit = isPreApproved(context)
    const people = await peopleOf(context, ports)
    const fault =
      (isExit ? null : unapproved(context, people)) ?? deadlineFault(context, people) ?? signedBefore(context, ports)
    if (fault !== null) return deny(fault)
    const tooMuch = isExit ? null : overLimits(context, ports)
    if (tooMuch !== null) return deny(tooMuch)
    for (const call of proposal.body.calls) {
      const pays = decodeCall(call, policy)?.pays ?? null
      if (pays !== null && pays !== policy.safe && !policy.recipients.includes(pays))
        return deny(`transfers to ${pays}, which the policy does not list`)
    }
    const poor = (await slippage(context)) ?? (await terms(context, ports)) ?? (await priceImpact(context, ports))
    if (poor !== null) return poor
    const refused = isExit ? null : drawdown(context, ports)
    const words = isExit ? 'a pre-approved exit' : 'within every limit'
    return (
      refused ??
      (await enoughVerifiers(context, ports)) ??
      pass(`${valueUsd} USD at risk, ${words}`, [`oracle: ${ports.market.description}`])
    )
  },
}

function drawdown({ policy, observation, oracleTick }: AuditContext, { ledger }: AuditPorts): CheckOutcome | null {
  const nowUsd = observation === null ? 0 : treasuryUsd(policy, observation.body.view, oracleTick as number)
  const highest = Math.max(nowUsd, ledger.highestTreasuryUsd())
  const fallBps = highest === 0 ? 0 : Math.floor(((highest - nowUsd) * 10_000) / highest)
  return fallBps > policy.limits.maxDrawdownBps
    ? deny(
        `the treasury has fallen by ${fallBps} bps from ${highest} USD; the policy stops at ${policy.limits.maxDrawdownBps}`,
      )
    : null
}

/** Why people must be asked first, or said no; null: they need not, or approved. */
function unapproved({ policy, valueUsd }: AuditContext, { approved, hasRejected, isEnough }: People): string | null {
  const { aboveUsd, threshold } = policy.approvals
  if (aboveUsd === null || (valueUsd as number) <= aboveUsd || isEnough) return null
  return hasRejected ? 'an approver rejected it' : `${valueUsd} USD need ${threshold} approvals, ${approved} are there`
}

function overLimits(context: AuditContext, ports: AuditPorts): string | null {
  const { valueUsd, policy } = context
  const { perTradeUsd } = policy.limits
  if ((valueUsd as number) > perTradeUsd) return `moves ${valueUsd} USD; the policy allows ${perTradeUsd} per trade`
  return overFrequency(context, ports)
}

/** Whether everything that the decision asks for is a way out that the owners approved beforehand. */
function isPreApproved({ policy, decision }: AuditContext): boolean {
  const result = decision.body.result
  return (
    policy.exits !== undefined &&
    result.type === 'intents' &&
    result.intents.every(intent =>
      policy.exits?.some(
        exit =>
          exit.intent === intent.type &&
          (exit.sell === undefined || ('sell' in intent && intent.sell === exit.sell)) &&
          (exit.buy === undefined || ('buy' in intent && intent.buy === exit.buy)),
      ),
    )
  )
}

/** Above a value more verifiers must sign, and only the module can see to that: it must be told to. */
async function enoughVerifiers(
  { policy, proposal, valueUsd, head }: AuditContext,
  { chain }: AuditPorts,
): Promise<CheckOutcome | null> {
  const bands = (policy.verifiers ?? []).filter(({ aboveUsd }) => (valueUsd as number) > aboveUsd)
  const needed = Math.max(0, ...bands.map(({ threshold }) => threshold))
  if (needed === 0) return null
  const limits = await moduleLimits(chain, { module: policy.module, head })
  // Liquidity taken out of positions is no outflow of a token: it counts under the position manager.
  const outflows = grossOutflows(policy, proposal.body.calls, limits)
  const demanded = outflows === null ? 0 : verifiersDemanded(limits, outflows)
  if (demanded < needed)
    return deny(
      `the module lets ${demanded} verifiers move ${worded(outflows)}; the policy asks for ${needed} above ${valueUsd} USD`,
    )
  return null
}

const worded = (outflows: ReadonlyMap<string, bigint> | null) =>
  [...(outflows ?? [])].map(([asset, amount]) => `${amount} of ${asset}`).join(' and ') || 'this'
