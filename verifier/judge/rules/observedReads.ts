import { positionsAt } from '#verifier/effects/positions.ts'
import { resultsOf } from '#verifier/effects/reading.ts'
import { canonicalize } from '#verifier/evidence/canonical.ts'
import { breaks, holds, type Rule } from '../rule.ts'

/** What the strategy saw of the treasury is what the chain says at the observation's block: reads, balances, positions. */
export const observedReads: Rule = {
  id: 'observation.reads',
  check: 'observation',
  judge({ policy, subject: { observation }, facts }) {
    const at = observation?.body.provenance.chain ?? null
    if (observation === null || at === null) return breaks('the observation names no block')
    const { view } = observation.body
    const again = facts.ask(resultsOf(at.reads), at.blockNumber)
    for (const [i, { what, result }] of at.reads.entries())
      if (again[i] !== result)
        return breaks(
          `read ${i} (${what}) gives ${again[i]} at block ${at.blockNumber}, the observation says ${result}`,
        )
    const symbols = Object.keys(view.balances).sort().join()
    const listed = policy.tokens.map(({ symbol }) => symbol).sort()
    if (symbols !== listed.join())
      return breaks(`the observation shows balances of ${symbols}, the policy lists others`)
    const data = `0x70a08231${policy.safe.slice(2).padStart(64, '0')}`
    const balances = facts.ask(resultsOf(policy.tokens.map(({ address }) => ({ to: address, data }))), at.blockNumber)
    for (const [i, { symbol }] of policy.tokens.entries()) {
      const balance = String(BigInt(balances[i] ?? '0x0'))
      if (view.balances[symbol] !== balance)
        return breaks(
          `the balance of ${symbol} is ${balance} at block ${at.blockNumber}, the strategy saw ${view.balances[symbol]}`,
        )
    }
    const positions = canonicalize(facts.ask(positionsAt(policy), at.blockNumber) ?? null)
    const seen = canonicalize(view.positions ?? null)
    return positions === seen
      ? holds(`${policy.tokens.length} balances and ${at.reads.length} reads made again`)
      : breaks(`the treasury's positions at block ${at.blockNumber} are ${positions}, the strategy saw ${seen}`)
  },
}
