import { positionsAt } from '#verifier/effects/positions.ts'
import { canonicalize } from '#verifier/evidence/canonical.ts'
import { type Check, deny, pass } from '../context.ts'
import { decidedAt, peopleOf } from './people.ts'

const COLUMNS = ['open', 'high', 'low', 'close'] as const

/** 4. The observation was fresh when its decision was proposed, and is true: balances re-read at its block, bars compared with the verifier's own. */
export const observationCheck: Check = {
  id: 'observation',
  async run(context, ports) {
    const { policy, runState, observation, head } = context
    const { chain, market } = ports
    if (observation === null) return deny('there is no observation')
    const { view, provenance } = observation.body
    const at = provenance.chain
    const identity = runState.run.body.chain
    if (at === null || identity === null) return deny('the observation names no block')
    const block = await chain.block(at.blockNumber)
    if (block === null || block.hash !== at.blockHash)
      return deny(`block ${at.blockNumber} has hash ${block?.hash ?? 'none'}, the observation says ${at.blockHash}`)
    const freshAt = decidedAt(context, await peopleOf(context, ports))
    const age = freshAt - block.timestamp
    if (age > policy.observation.maxAgeSeconds)
      return deny(`the observation is ${age} s old; the policy allows ${policy.observation.maxAgeSeconds}`)
    // True bars of another time would be a choice among many worlds.
    const ended = (view.bars.timeSeconds.at(-1) ?? 0) + view.intervalSeconds
    if (ended > head.timestamp || freshAt - ended > policy.observation.maxAgeSeconds)
      return deny(
        `the last bar ended ${head.timestamp - ended} s ago; the policy allows ${policy.observation.maxAgeSeconds}`,
      )
    for (const [i, read] of at.reads.entries()) {
      const again = await chain.read({ to: read.to, data: read.data }, at.blockNumber)
      if (again !== read.result)
        return deny(
          `read ${i} (${read.what}) gives ${again} at block ${at.blockNumber}, the observation says ${read.result}`,
        )
    }
    const symbols = Object.keys(view.balances).sort().join()
    if (
      symbols !==
      policy.tokens
        .map(t => t.symbol)
        .sort()
        .join()
    )
      return deny(`the observation shows balances of ${symbols}, the policy lists others`)
    for (const token of policy.tokens) {
      const data = `0x70a08231${policy.safe.slice(2).padStart(64, '0')}`
      const balance = BigInt(await chain.read({ to: token.address, data }, at.blockNumber))
      if (view.balances[token.symbol] !== String(balance)) {
        return deny(
          `the balance of ${token.symbol} is ${balance} at block ${at.blockNumber}, the strategy saw ${view.balances[token.symbol]}`,
        )
      }
    }
    const positions = await positionsAt(policy, call => chain.read(call, at.blockNumber))
    if (canonicalize(view.positions ?? null) !== canonicalize(positions))
      return deny(
        `the treasury's positions at block ${at.blockNumber} are ${canonicalize(positions)}, the strategy saw ${canonicalize(view.positions ?? null)}`,
      )
    const own = await market.barsAt(view.bars.timeSeconds, view.intervalSeconds)
    if (own === null) return deny("the verifier's own market data does not cover the bars")
    const tolerance = policy.observation.toleranceTicks
    for (const column of COLUMNS) {
      for (const [i, tick] of view.bars[column].entries()) {
        const expected = own[column][i] as number
        if (Math.abs(tick - expected) > tolerance) {
          return deny(
            `bar ${view.bars.timeSeconds[i]}: ${column} is ${tick}, the verifier's own source says ${expected} (tolerance ${tolerance} ticks)`,
          )
        }
      }
    }
    return pass(
      `${policy.tokens.length} balances and ${at.reads.length} reads re-read at block ${at.blockNumber}, ${own.close.length} bars compared, ${age} s old`,
      [
        `market data: ${market.description} is true within ${tolerance} ticks`,
        "chain reads: the verifier's own RPC answers truly",
      ],
    )
  },
}
