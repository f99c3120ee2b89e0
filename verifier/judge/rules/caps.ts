import { grossOutflows } from '#verifier/effects/grossOutflows.ts'
import { moduleLimits, outflowLeft } from '#verifier/effects/moduleLimits.ts'
import { breaks, holds, type Rule } from '../rule.ts'

/** The calls stay within the outflow caps that the owners set in the module, counted as the module counts. */
export const caps: Rule = {
  id: 'caps',
  check: 'simulation',
  judge({ policy, subject: { proposal }, facts }) {
    const { module } = policy
    const atSeconds = facts.head.timestamp
    const limits = facts.ask(moduleLimits({ module, atSeconds }))
    const gross = grossOutflows(policy, proposal.body.calls, limits) ?? new Map<string, bigint>()
    const net = new Map(facts.simulation().changes.map(({ token, change }) => [token, -BigInt(change)]))
    for (const asset of new Set([...gross.keys(), ...net.keys()])) {
      const [counted, fell] = [gross.get(asset) ?? 0n, net.get(asset) ?? 0n]
      const outflow = counted > fell ? counted : fell
      if (outflow <= 0n) continue
      const allowed = facts.ask(outflowLeft({ module, asset, atSeconds }))
      const symbol = policy.tokens.find(({ address }) => address === asset)?.symbol ?? asset
      if (allowed !== null && outflow > allowed)
        return breaks(`-${outflow} ${symbol} would exceed the owners' cap on chain, which now lets ${allowed} out`)
    }
    return holds()
  },
}
