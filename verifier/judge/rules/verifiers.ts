import { grossOutflows } from '#verifier/effects/grossOutflows.ts'
import { moduleLimits, verifiersDemanded } from '#verifier/effects/moduleLimits.ts'
import { breaks, holds, type Rule } from '../rule.ts'

/** Above a value more verifiers must sign, and only the module can see to that: it must be told to. */
export const verifiers: Rule = {
  id: 'verifiers',
  check: 'policy',
  judge({ policy, subject: { proposal }, facts, valueUsd }) {
    const usd = valueUsd()
    const bands = (policy.verifiers ?? []).filter(({ aboveUsd }) => usd === null || usd > aboveUsd)
    const needed = Math.max(0, ...bands.map(({ threshold }) => threshold))
    if (needed === 0) return holds()
    const limits = facts.ask(moduleLimits({ module: policy.module, atSeconds: facts.head.timestamp }))
    // Liquidity taken out of positions is no outflow of a token: it counts under the position manager.
    const outflows = grossOutflows(policy, proposal.body.calls, limits)
    const demanded = outflows === null ? 0 : verifiersDemanded(limits, outflows)
    const worded = [...(outflows ?? [])].map(([asset, amount]) => `${amount} of ${asset}`).join(' and ') || 'this'
    return demanded < needed
      ? breaks(`the module lets ${demanded} verifiers move ${worded}; the policy asks for ${needed} above ${usd} USD`)
      : holds()
  },
}
