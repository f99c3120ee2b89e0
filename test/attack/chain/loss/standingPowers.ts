import { type Hex, parseAbi } from 'viem'
import { ERC20_ABI } from '#runtime/chain/abi.ts'
import { ATTACKER } from '../arena.ts'
import { type LossWorld, POSITIONS_ABI } from './lossWorld.ts'

const PERMIT2_ABI = parseAbi([
  'function allowance(address owner, address token, address spender) view returns (uint160 amount, uint48 expiration, uint48 nonce)',
])

/** Powers over the treasury's assets that stand after its batches, but for those that the owners let stay. */
export async function standingPowers(world: LossWorld): Promise<string[]> {
  const { arena, manager, permit2, taker, spenderLevel } = world
  const { safe, dollar, weth, evil, router, exchange } = arena
  const read = arena.client.public
  const found: string[] = []
  const ask = async (what: string, holds: Promise<boolean>) => {
    if (await holds) found.push(what)
  }
  await Promise.all([
    ...[dollar, weth, evil].flatMap(token =>
      ([ATTACKER.address, taker, router, exchange, manager] as Hex[])
        .filter(spender => spenderLevel(token, spender) !== 2)
        .map(spender => {
          const args = [safe, spender] as const
          const allowance = read.readContract({ address: token, abi: ERC20_ABI, functionName: 'allowance', args })
          return ask(
            `allowance of ${token} to ${spender}`,
            allowance.then(amount => amount > 0n),
          )
        }),
    ),
    ...[ATTACKER.address, taker].flatMap(spender => {
      const operator = { address: manager, abi: POSITIONS_ABI, functionName: 'isApprovedForAll' } as const
      const permit = { address: permit2, abi: PERMIT2_ABI, functionName: 'allowance' } as const
      return [
        ask(`${spender} as operator of positions`, read.readContract({ ...operator, args: [safe, spender] })),
        ask(
          `allowance of ${evil} to ${spender} through Permit2`,
          read.readContract({ ...permit, args: [safe, evil, spender] }).then(([amount]) => amount > 0n),
        ),
      ]
    }),
  ])
  return found
}
