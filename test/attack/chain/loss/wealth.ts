import { type Hex, zeroAddress } from 'viem'
import { amountAtTick } from '#strategies/sdk/maths/tick.ts'
import { ATTACKER } from '../arena.ts'
import { type LossWorld, ORACLE_TICK } from './lossWorld.ts'

/** Balances by asset, base units. */
export type Wealth = { treasury: ReadonlyMap<Hex, bigint>; attacker: ReadonlyMap<Hex, bigint> }

export async function readWealth({ arena, manager }: LossWorld): Promise<Wealth> {
  const native = (address: Hex) => arena.client.public.getBalance({ address })
  const of = async (who: Hex, assets: readonly Hex[]) =>
    new Map(
      await Promise.all(
        assets.map(
          async asset => [asset, await (asset === zeroAddress ? native(who) : arena.balance(asset, who))] as const,
        ),
      ),
    )
  // What he pays for gas is his own.
  const tokens = [arena.dollar, arena.weth, arena.evil, manager]
  return { treasury: await of(arena.safe, [zeroAddress, ...tokens]), attacker: await of(ATTACKER.address, tokens) }
}

/** What a treasury's dollars and coins are worth by the oracle, in USD. */
export function wealthUsd({ arena }: LossWorld, { treasury }: Pick<Wealth, 'treasury'>): number {
  const coins = (treasury.get(arena.weth) ?? 0n) + (treasury.get(zeroAddress) ?? 0n)
  return Number((treasury.get(arena.dollar) ?? 0n) + amountAtTick(ORACLE_TICK, 'base', coins)) / 1e6
}
