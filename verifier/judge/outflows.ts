import { grossOutflows } from '#verifier/effects/grossOutflows.ts'
import type { ModuleLimits } from '#verifier/effects/moduleLimits.ts'
import type { Hearing } from './rule.ts'

/** What the module will count as outflow, by asset in base units: what the calls say, or what fell in the simulation where that is more. */
export function countedOutflows(
  { policy, subject: { proposal }, facts }: Pick<Hearing, 'policy' | 'subject' | 'facts'>,
  limits: ModuleLimits,
): Map<string, bigint> {
  const outflows = grossOutflows(policy, proposal.body.calls, limits) ?? new Map<string, bigint>()
  for (const { token, change } of facts.simulation().changes) {
    const fell = -BigInt(change)
    if (fell > (outflows.get(token) ?? 0n)) outflows.set(token, fell)
  }
  return outflows
}

/** An asset's symbol in the policy, else its address. */
export const symbolOf = ({ policy }: Pick<Hearing, 'policy'>, asset: string): string =>
  policy.tokens.find(({ address }) => address === asset)?.symbol ?? asset
