import { type Hex, zeroAddress } from 'viem'
import { seededRandom } from '../../../fault/seededRandom.ts'
import { type Call, EXECUTOR } from '../arena.ts'
import { type AttackerMove, attackerMoves } from './attackerMoves.ts'
import type { Sent } from './fastChain.ts'
import { brokenLimit, type Flow, roomAfter, worstShare } from './limit.ts'
import { COLLUDING, type LossWorld } from './lossWorld.ts'
import { outflowsSeen, takenBy } from './outflowsSeen.ts'
import { standingPowers } from './standingPowers.ts'
import { readWealth, type Wealth, wealthUsd } from './wealth.ts'

const STEPS = 12

/** What one sequence came to. */
export type AttackerResult = {
  steps: string[]
  /** Moves that changed something, by name. */
  succeeded: string[]
  /** Errors of the module that refused others. */
  refusedBy: string[]
  /** By asset: the largest part of its narrowest limit that was used at once, and of twice that in a window. */
  shares: Map<Hex, { once: number; inWindow: number }>
}

/**
 * One random sequence by somebody who holds the executor's key, those of two of three verifiers, and all the money of the
 * pool. It starts from the world as it is, and leaves it so.
 *
 * @throws Error naming the seed and the steps, where more left than a limit lets out, or a power was left behind
 */
export async function attackerSequence(world: LossWorld, seed: number): Promise<AttackerResult> {
  const { chain } = world
  const snapshot = await chain.snapshot()
  try {
    return await play(world, seed)
  } finally {
    await chain.revert(snapshot)
  }
}

async function play(world: LossWorld, seed: number): Promise<AttackerResult> {
  const { arena, chain } = world
  const random = seededRandom(seed)
  const below = (n: number) => Math.floor(random() * n)
  const counted = new Map<Hex, Flow[]>([...world.limits.keys()].map(asset => [asset, []]))
  const taken = new Map<Hex, Flow[]>([...world.limits.keys()].map(asset => [asset, []]))
  const result: AttackerResult = { steps: [], succeeded: [], refusedBy: [], shares: new Map() }
  const fail = (why: string): never => {
    throw new Error(`seed ${seed}: ${why}: ${result.steps.join(' | ')}`)
  }
  const [start, before] = [await chain.time(), await readWealth(world)]
  let last: { calls: Call[]; data: Hex } | null = null

  function keep(into: Map<Hex, Flow[]>, at: number, outflows: ReadonlyMap<Hex, bigint>): void {
    for (const [asset, amount] of outflows) into.get(asset)?.push({ at, amount })
  }
  function note(name: string, sent: Sent, calls: readonly Call[]): void {
    const seen = outflowsSeen(world, calls, sent.logs)
    keep(counted, sent.at, seen.counted)
    keep(taken, sent.at, seen.taken)
    result.succeeded.push(name)
    result.steps.push(name)
  }
  async function submit(name: string, calls: Call[], data: Hex): Promise<boolean> {
    const sent = await chain.send(EXECUTOR.address, arena.module, data)
    if (sent.succeeded) note(name, sent, calls)
    else {
      const reason = await arena.refusal(EXECUTOR, arena.module, data)
      result.refusedBy.push(reason)
      result.steps.push(`${name}: ${reason}`)
    }
    return sent.succeeded
  }

  const move: AttackerMove = {
    ...{ world, below },
    async push(name, calls, { signers = COLLUDING } = {}) {
      const message = await arena.verdict({ calls, bounds: looseBounds(world) })
      const data = arena.encodeExecute(message, await Promise.all(signers.map(signer => arena.sign(message, signer))))
      last = { calls, data }
      return submit(name, calls, data)
    },
    async again() {
      if (last !== null) await submit('replay', last.calls, last.data)
    },
    async alone(name, to, data, from) {
      const sent = await chain.send(from, to, data)
      if (!sent.succeeded) return
      result.steps.push(`${name} by himself`)
      if (takenBy(world, sent.logs).size > 0) fail('the attacker took by himself')
    },
    async roomOf(asset) {
      const at = (await chain.time()) + 12
      const rooms = (world.limits.get(asset) ?? []).map(limit => roomAfter(counted.get(asset) ?? [], limit, at))
      return rooms.sort((a, b) => (a < b ? -1 : 1))[0] ?? 0n
    },
    say: what => void result.steps.push(what),
  }
  const moves = attackerMoves(move)
  for (let i = 0; i < STEPS; i++) await (moves[below(moves.length)] as () => Promise<void>)()

  for (const [asset, limits] of world.limits)
    for (const limit of limits)
      for (const flows of [counted.get(asset) ?? [], taken.get(asset) ?? []]) {
        const broken = brokenLimit(flows, limit)
        if (broken !== null) fail(`${asset}: ${broken}`)
      }
  const after = await readWealth(world)
  checkWealth({ before, after, counted, fail })
  const powers = result.succeeded.length === 0 ? [] : await standingPowers(world)
  if (powers.length > 0) fail(`left behind: ${powers.join(', ')}`)
  const lost = wealthUsd(world, before) - wealthUsd(world, after)
  const allowed = allowedUsd(world, (await chain.time()) - start)
  if (lost > allowed) fail(`lost ${lost} USD, ${allowed} allowed`)
  for (const [asset, limits] of world.limits) {
    const used = limits.map(limit => worstShare(counted.get(asset) ?? [], limit))
    result.shares.set(asset, {
      once: Math.max(...used.map(({ once }) => once)),
      inWindow: Math.max(...used.map(({ inWindow }) => inWindow)),
    })
  }
  return result
}

/** Bounds that hold nothing back: whoever signs chooses them. */
function looseBounds({ arena, manager, pool }: LossWorld) {
  const most = -(10n ** 30n)
  return [zeroAddress, arena.dollar, arena.weth, arena.evil, manager, pool].map(asset => arena.bound(asset, most))
}

/** What is gone was counted; what the attacker has, he has from counted allowances. */
function checkWealth({
  before,
  after,
  counted,
  fail,
}: {
  before: Wealth
  after: Wealth
  counted: ReadonlyMap<Hex, readonly Flow[]>
  fail(why: string): never
}): void {
  for (const [asset, had] of before.treasury) {
    const gone = had - (after.treasury.get(asset) ?? 0n)
    const out = (counted.get(asset) ?? []).reduce((sum, { amount }) => sum + amount, 0n)
    if (gone > out) fail(`${asset}: ${gone} are gone, ${out} were counted`)
  }
  for (const [asset, has] of after.attacker) {
    const gain = has - (before.attacker.get(asset) ?? 0n)
    const out = (counted.get(asset) ?? []).reduce((sum, { amount }) => sum + amount, 0n)
    if (gain > out) fail(`${asset}: the attacker has ${gain}, ${out} were counted`)
  }
}

/** What the caps let out in a span, in whole USD by the oracle. */
function allowedUsd(world: LossWorld, seconds: number): number {
  const most = new Map(
    [...world.limits].map(([asset, [cap]]) => [
      asset,
      cap === undefined ? 0n : cap.amount + (cap.amount * BigInt(seconds)) / BigInt(cap.window),
    ]),
  )
  return wealthUsd(world, { treasury: most })
}
