import { encodeFunctionData, type Hex, zeroAddress } from 'viem'
import { buildProposal } from '#agents/build/buildProposal.ts'
import { tokenAddress } from '#agents/build/tokenAddress.ts'
import { MODULE_ABI } from '#runtime/chain/abi.ts'
import { revertReason } from '#runtime/chain/revertReason.ts'
import type { Intent } from '#verifier/evidence/records/decision.ts'
import { VERDICT_TYPES, type VerdictMessage, verdictDomain } from '#verifier/evidence/verdictTypes.ts'
import { policyDigest } from '#verifier/policy/policy.ts'
import { seededRandom } from '../../../fault/seededRandom.ts'
import { EXECUTOR, VERIFIERS } from '../arena.ts'
import type { SeenLog } from './fastChain.ts'
import { honestMoves } from './honestMoves.ts'
import type { HonestWorld } from './honestWorld.ts'
import type { Flow } from './limit.ts'

const STEPS = 10
const LATE = 2_000_000_000
/** A bucket rounds what has leaked down, by less than one base unit for each batch. */
const ROUNDED = 64n

/** What one honest sequence came to: its batches by kind. */
export type HonestResult = { executed: string[] }

/**
 * One random sequence of honest work, as agents build it: what it takes out of each asset in any window is at most its cap.
 * It starts from the world as it is, and leaves it so.
 *
 * @throws Error naming the seed and the batch that the module refused
 */
export async function honestSequence(world: HonestWorld, seed: number): Promise<HonestResult> {
  const { chain } = world
  const snapshot = await chain.snapshot()
  try {
    return await play(world, seed)
  } finally {
    await chain.revert(snapshot)
  }
}

async function play(world: HonestWorld, seed: number): Promise<HonestResult> {
  const { chain, net, policy, identity, caps } = world
  const random = seededRandom(seed)
  const below = (n: number) => Math.floor(random() * n)
  const flows = new Map<string, Flow[]>([...caps.keys()].map(asset => [asset, []]))
  const executed: string[] = []
  let nonce = 0n

  const roomOf = (asset: string, at: number): bigint => {
    const { amount, window } = caps.get(asset) as { amount: bigint; window: number }
    const within = (flows.get(asset) ?? []).filter(flow => at - flow.at < window)
    const room = amount - ROUNDED - within.reduce((sum, flow) => sum + flow.amount, 0n)
    return room < 0n ? 0n : room
  }

  async function perform(kind: string, intents: readonly Intent[]): Promise<readonly SeenLog[]> {
    const { calls, bounds } = buildProposal({
      ...{ agent: 'honest', decision: '00'.repeat(32), intents, chain: identity, nonce: nonce++ },
      ...{ policyDigest: policyDigest(policy), executor: EXECUTOR.address, validUntil: LATE },
      sign: () => new Uint8Array(64),
    })
    const outflows = outflowsOf(world, intents)
    const fits = async () => {
      const at = (await chain.time()) + 12
      return [...outflows].every(([asset, amount]) => amount <= roomOf(asset, at))
    }
    if (!(await fits())) await chain.wait(Math.max(...[...caps.values()].map(({ window }) => window)))
    if (!(await fits())) throw new Error(`seed ${seed}: ${kind} takes more than a cap: a fault of the sequence`)
    const block = await net.client.public.getBlock()
    const message: VerdictMessage = {
      ...{ safe: identity.safe as Hex, nonce, proposalDigest: `0x${'cd'.repeat(32)}` },
      calls: calls.map(({ to, value, data }) => ({ to: to as Hex, value: BigInt(value), data: data as Hex })),
      bounds: bounds.map(({ kind, target, id, limit }) => ({
        ...{ kind, target: target as Hex, id: BigInt(id), limit: BigInt(limit) },
      })),
      ...{ policyDigest: `0x${policyDigest(policy)}`, executor: EXECUTOR.address, validUntil: BigInt(LATE) },
      ...{ refBlock: block.number - 1n, refBlockHash: block.parentHash },
    }
    const domain = verdictDomain(identity.chainId, identity.module as Hex)
    const signature = await VERIFIERS[0].signTypedData({
      domain,
      types: VERDICT_TYPES,
      primaryType: 'Verdict',
      message,
    })
    const args = [message, [signature], { validUntil: 0n, signatures: [] }] as const
    const data = encodeFunctionData({ abi: MODULE_ABI, functionName: 'execute', args })
    const sent = await chain.send(EXECUTOR.address, identity.module as Hex, data)
    if (!sent.succeeded) {
      const why = await net.client.public
        .call({ account: EXECUTOR.address, to: identity.module as Hex, data, gas: 6_000_000n })
        .then(
          () => 'nothing when it is tried again',
          error => revertReason(error, MODULE_ABI),
        )
      throw new Error(`seed ${seed}: an honest ${kind} was refused: ${why}, after ${executed.join(', ')}`)
    }
    for (const [asset, amount] of outflows) flows.get(asset)?.push({ at: sent.at, amount })
    executed.push(kind)
    return sent.logs
  }

  const moves = honestMoves({ world, below, perform, room: async asset => roomOf(asset, (await chain.time()) + 12) })
  for (let i = 0; i < STEPS; i++) await (moves[below(moves.length)] as () => Promise<unknown>)()
  return { executed }
}

/** The most that intents take out of each asset, by address. */
function outflowsOf({ identity }: HonestWorld, intents: readonly Intent[]): Map<string, bigint> {
  const outflows = new Map<string, bigint>()
  const add = (asset: string, amount: string) =>
    outflows.set(asset.toLowerCase(), (outflows.get(asset.toLowerCase()) ?? 0n) + BigInt(amount))
  const of = (symbol: string) => (symbol === 'native' ? zeroAddress : tokenAddress(identity, symbol))
  for (const intent of intents)
    switch (intent.type) {
      case 'swap':
      case 'swapV2':
        add(of(intent.sell), intent.amountIn)
        break
      case 'transfer':
      case 'unwrap':
        add(of(intent.token), intent.amount)
        break
      case 'wrap':
        add(zeroAddress, intent.amount)
        break
      case 'addLiquidity':
        add(of(intent.token0), intent.amount0)
        add(of(intent.token1), intent.amount1)
        break
      case 'removeLiquidity':
        add(identity.positions ?? '', intent.liquidity)
        break
      case 'call':
        for (const { token, amount } of intent.spends) add(of(token), amount)
    }
  return outflows
}
