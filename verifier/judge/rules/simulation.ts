import { breaks, holds, type Rule } from '../rule.ts'

/** Simulated on the head block, the calls do not revert and leave no approval behind. */
export const simulation: Rule = {
  id: 'simulation',
  check: 'simulation',
  judge({ facts }) {
    const { status, approvals, changes } = facts.simulation()
    const { number } = facts.head
    if (status !== 'success') return breaks(`the calls revert at block ${number}`)
    const [left] = approvals
    if (left !== undefined)
      return breaks(`an approval of ${left.allowance} of ${left.token} for ${left.spender} would be left behind`)
    return holds(
      `succeeds on block ${number}: ${changes.map(({ change, asset }) => `${change} ${asset}`).join(', ') || 'no balance changes'}`,
      ["the verifier's own RPC simulates truly; the block that executes it may differ, which the bounds cover"],
    )
  },
}
