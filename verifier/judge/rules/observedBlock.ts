import { decidedAt } from '../people.ts'
import { breaks, holds, type Rule } from '../rule.ts'

/**
 * The observation names a block of this chain, was fresh when its decision was proposed, and so were its bars: true bars of
 * another time would be a choice among many worlds.
 */
export const observedBlock: Rule = {
  id: 'observation.maxAgeSeconds',
  check: 'observation',
  judge({ policy, subject, facts, people }) {
    const { observation, run } = subject
    if (observation === null) return breaks('there is no observation')
    const { view, provenance } = observation.body
    const { maxAgeSeconds } = policy.observation
    if (provenance.chain === null || run.body.chain === null) return breaks('the observation names no block')
    const { blockNumber, blockHash } = provenance.chain
    const block = facts.block(blockNumber)
    if (block === null || block.hash !== blockHash)
      return breaks(`block ${blockNumber} has hash ${block?.hash ?? 'none'}, the observation says ${blockHash}`)
    const now = facts.head.timestamp
    const freshAt = decidedAt(subject, people(), now)
    const age = freshAt - block.timestamp
    if (age > maxAgeSeconds) return breaks(`the observation is ${age} s old; the policy allows ${maxAgeSeconds}`)
    const ended = (view.bars.timeSeconds.at(-1) ?? 0) + view.intervalSeconds
    if (ended > now || freshAt - ended > maxAgeSeconds)
      return breaks(`the last bar ended ${now - ended} s ago; the policy allows ${maxAgeSeconds}`)
    return holds(`seen ${age} s before it was proposed, at block ${blockNumber}`, [
      "chain reads: the verifier's own RPC answers truly",
    ])
  },
}
