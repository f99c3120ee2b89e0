import { decodeFunctionData, type Hex, parseAbi, toEventSelector, zeroAddress } from 'viem'
import { ATTACKER, type Call } from '../arena.ts'
import type { SeenLog } from './fastChain.ts'
import type { LossWorld } from './lossWorld.ts'

const TRANSFER = toEventSelector('Transfer(address,address,uint256)')
const DEPOSIT = toEventSelector('Deposit(address,uint256)')
const WITHDRAWAL = toEventSelector('Withdrawal(address,uint256)')
const DECREASE = toEventSelector('DecreaseLiquidity(uint256,uint128,uint256,uint256)')
const BORROWED = toEventSelector('Borrowed(address,uint256)')
/** The Safe says so after each call of a module. */
const CALL_DONE = toEventSelector('ExecutionFromModuleSuccess(address)')

const GRANTS = parseAbi([
  'function approve(address spender, uint256 amount)',
  'function increaseAllowance(address spender, uint256 amount)',
  'function approve(address token, address spender, uint160 amount, uint48 expiration)',
])

/** What a batch took out of the treasury, by asset. */
export type Outflows = {
  /** Gross: what fell in each call, the value that it carried, and every allowance of a spender who is not listed. */
  counted: Map<Hex, bigint>
  /** What went to the attacker himself. */
  taken: Map<Hex, bigint>
}

/** The outflows of an executed batch: from the chain's events, call by call, and from the calls; nothing of it from the module. */
export function outflowsSeen(world: LossWorld, calls: readonly Call[], logs: readonly SeenLog[]): Outflows {
  const counted = new Map<Hex, bigint>()
  const count = (asset: Hex, amount: bigint) => {
    if (amount > 0n) counted.set(asset, (counted.get(asset) ?? 0n) + amount)
  }
  let changes = new Map<Hex, bigint>()
  for (const log of logs) {
    const { address, topics } = log
    if (topics[0] === CALL_DONE && address === world.arena.safe) {
      for (const [asset, change] of changes) count(asset, -change)
      changes = new Map()
    } else for (const [asset, change] of changesOf(world, log)) changes.set(asset, (changes.get(asset) ?? 0n) + change)
    if (topics[0] === DECREASE && address === world.manager) count(address, BigInt(log.data.slice(0, 66)))
    if (topics[0] === BORROWED && address === world.pool) count(address, BigInt(log.data))
  }
  for (const call of calls) {
    count(zeroAddress, call.value)
    const grant = grantOf(world, call)
    if (grant !== null && world.spenderLevel(grant.token, grant.spender) === 0) count(grant.token, grant.amount)
  }
  return { counted, taken: takenBy(world, logs) }
}

const party = (topic: Hex | undefined): Hex => `0x${topic?.slice(-40)}`

/** How an event changes the Safe's balance of the asset that tells it. */
function changesOf({ arena: { safe, weth } }: LossWorld, { address, topics, data }: SeenLog): [Hex, bigint][] {
  if (topics[0] === DEPOSIT && address === weth && party(topics[1]) === safe) return [[address, BigInt(data)]]
  if (topics[0] === WITHDRAWAL && address === weth && party(topics[1]) === safe) return [[address, -BigInt(data)]]
  if (topics[0] !== TRANSFER) return []
  // Of positions, one is one.
  const amount = topics.length === 4 ? 1n : BigInt(data)
  const changes: [Hex, bigint][] = []
  if (party(topics[1]) === safe) changes.push([address, -amount])
  if (party(topics[2]) === safe) changes.push([address, amount])
  return changes
}

/** What the Safe's assets sent to the attacker, by asset; of positions their number. */
export function takenBy({ arena: { safe } }: LossWorld, logs: readonly SeenLog[]): Map<Hex, bigint> {
  const taken = new Map<Hex, bigint>()
  for (const { address, topics, data } of logs) {
    const isTheft = topics[0] === TRANSFER && party(topics[1]) === safe
    if (!isTheft || party(topics[2]) !== ATTACKER.address.toLowerCase()) continue
    taken.set(address, (taken.get(address) ?? 0n) + (topics.length === 4 ? 1n : BigInt(data)))
  }
  return taken
}

function grantOf(
  { permit2, manager }: LossWorld,
  { to, data }: Call,
): { token: Hex; spender: Hex; amount: bigint } | null {
  if (to === manager) return null
  try {
    const { args } = decodeFunctionData({ abi: GRANTS, data })
    if (args.length === 4)
      return to === permit2 ? { token: args[0].toLowerCase() as Hex, spender: args[1], amount: args[2] } : null
    return { token: to, spender: args[0], amount: args[1] }
  } catch {
    return null
  }
}
