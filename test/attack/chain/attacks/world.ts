import type { Hex } from 'viem'
import { SWAP_IN } from '../arena.ts'
import { type ContractAttack, EVIL_FOR_DOLLARS, never, UNBOUND, UNBOUND_FALL } from './attack.ts'

/** The world changes between signing and execution. */
export const WORLD_ATTACKS: ContractAttack[] = [
  {
    name: 'sandwich beyond the bound',
    refusedBy: 'BoundViolated',
    without: UNBOUND,
    async attempt(arena) {
      // 1,000 dollars buy about 0.487 WETH at the start's price; the attacker doubles it first.
      const message = await arena.verdict({
        bounds: [arena.bound(arena.dollar, -SWAP_IN), arena.bound(arena.weth, 4n * 10n ** 17n)],
      })
      const signatures = [await arena.sign(message)]
      await arena.net.market.moveTo(190_000)
      try {
        return await arena.execute(message, signatures)
      } finally {
        await arena.net.market.moveTo(200_000)
      }
    },
  },
  {
    name: 'a token takes a fee on transfer',
    refusedBy: 'BoundViolated',
    without: UNBOUND,
    async attempt(arena) {
      await arena.tell(arena.evil, 'HostileToken', 'setFee', [500n])
      return arena.signedByAll(EVIL_FOR_DOLLARS(arena, 10n ** 18n))
    },
  },
  {
    name: 'a token shrinks every balance while it trades',
    refusedBy: 'UnboundAssetFell',
    without: UNBOUND_FALL,
    async attempt(arena) {
      const shrink = arena.encode('HostileToken', 'rebase', [5_000n])
      await arena.allow(arena.evil, shrink.slice(0, 10) as Hex)
      return arena.signedByAll({
        calls: [{ to: arena.evil, value: 0n, data: shrink }, ...arena.swapCalls()],
      })
    },
  },
  {
    name: "a token's hook takes back in the middle of the batch what was just paid (ERC-777)",
    refusedBy: 'BoundViolated',
    without: UNBOUND,
    async attempt(arena) {
      await arena.tell(arena.evil, 'HostileToken', 'setHook', [
        arena.evil,
        arena.encode('HostileToken', 'rebase', [1_000n]),
      ])
      return arena.signedByAll({
        ...EVIL_FOR_DOLLARS(arena, 10n ** 18n),
        bounds: [arena.bound(arena.dollar, -SWAP_IN), arena.bound(arena.evil, 1n)],
      })
    },
  },
  {
    name: 'the target is gone when the verdict executes (self-destruct)',
    refusedBy: 'BoundViolated',
    without: UNBOUND,
    async attempt(arena) {
      const mirage = await arena.deploy('Mirage')
      const { data } = await arena.client.public.call({ to: mirage, data: arena.encode('Mirage', 'appear', []) })
      const gone = `0x${(data ?? '').slice(-40)}` as Hex
      await arena.tell(mirage, 'Mirage', 'appear', [])
      const trade = arena.trade(arena.dollar, arena.weth, 0n, 1n)
      await arena.allow(gone, trade.data.slice(0, 10) as Hex, 5)
      // A call to an empty account succeeds, and does nothing.
      return arena.signedByAll({ calls: [{ ...trade, to: gone }], bounds: [arena.bound(arena.weth, 1n)] })
    },
  },
  {
    name: 'the executor starves one call of gas and lets the others run',
    refusedBy: 'CallFailed',
    without: never('if (!success) revert'),
    async attempt(arena) {
      await arena.tell(arena.exchange, 'Exchange', 'setHunger', [2_000_000n])
      const message = await arena.verdict({
        calls: [arena.trade(arena.dollar, arena.evil, 0n, 10n ** 18n), ...arena.swapCalls()],
        bounds: [arena.bound(arena.dollar, -SWAP_IN), arena.bound(arena.weth, 1n)],
      })
      // Enough for the swap, not for the first call.
      return arena.execute(message, [await arena.sign(message)], { gas: 1_500_000n })
    },
  },
]
