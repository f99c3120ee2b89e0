import { grossOutflows } from '#verifier/effects/grossOutflows.ts'
import { moduleLimits, outflowLeft } from '#verifier/effects/moduleLimits.ts'
import { type Check, deny, pass } from '../context.ts'

/** 7. Simulated on the head block: it does not revert, leaves no approval behind, and stays within the module's outflow caps. */
export const simulationCheck: Check = {
  id: 'simulation',
  async run(context, { chain }) {
    const { policy, proposal, head } = context
    const simulation = await chain.simulate({
      from: policy.safe,
      calls: proposal.body.calls,
      blockNumber: head.number,
      tokens: policy.tokens.map(({ symbol, address }) => ({ symbol, address })),
    })
    context.simulation = simulation
    if (simulation.status !== 'success') return deny(`the calls revert at block ${head.number}`)
    const left = simulation.approvals[0]
    if (left !== undefined)
      return deny(`an approval of ${left.allowance} of ${left.token} for ${left.spender} would be left behind`)
    const limits = await moduleLimits(chain, { module: policy.module, head })
    const gross = grossOutflows(policy, proposal.body.calls, limits) ?? new Map<string, bigint>()
    const net = new Map(simulation.changes.map(({ token, change }) => [token, -BigInt(change)]))
    for (const asset of new Set([...gross.keys(), ...net.keys()])) {
      const [counted, fell] = [gross.get(asset) ?? 0n, net.get(asset) ?? 0n]
      const outflow = counted > fell ? counted : fell
      if (outflow <= 0n) continue
      const allowed = await outflowLeft(chain, { module: policy.module, asset, head })
      const symbol = policy.tokens.find(({ address }) => address === asset)?.symbol ?? asset
      if (allowed !== null && outflow > allowed)
        return deny(`-${outflow} ${symbol} would exceed the owners' cap on chain, which now lets ${allowed} out`)
    }
    return pass(
      `succeeds on block ${head.number}: ${simulation.changes.map(c => `${c.change} ${c.asset}`).join(', ') || 'no balance changes'}`,
      ["the verifier's own RPC simulates truly; the block that executes it may differ, which the bounds cover"],
    )
  },
}
