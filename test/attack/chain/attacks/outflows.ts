import { encodeFunctionData, type Hex, parseAbi, zeroAddress } from 'viem'
import { type Arena, ATTACKER, type Call, SWAP_IN, VERIFIERS } from '../arena.ts'
import { BUCKETS, type ContractAttack, inModule, LOOSE, OUTFLOWS } from './attack.ts'
import { mintPosition, positions } from './positions.ts'

const DAY = 86_400
const MOST = (1n << 256n) - 1n
/** The cap never bites. */
const UNCAPPED = inModule('if (!fits) revert CapExceeded', 'if (1 == 2) revert CapExceeded')
/** What is granted does not count. */
const UNCOUNTED = inModule('Outflows.add(ledger, place - 1, grant.amount);', '')
/** Of what is not listed, anything may be granted. */
const UNPINNED = inModule('if (!isTakenBack &&', 'if (place != 0 && !isTakenBack &&')
/** A bucket that forgets what it holds. */
const FORGETFUL = [{ file: BUCKETS, from: 'bucket.level = uint96(level + outflow);', to: 'bucket.level = 0;' }]

const native = (arena: Arena) => [...LOOSE(arena), arena.bound(zeroAddress, -(10n ** 19n))]
const call = (to: Hex, data: Hex, value = 0n): Call => ({ to, value, data })

/** A stranger's contract that a rule lets be called, and the call by which it takes. */
async function taker(arena: Arena) {
  const at = await arena.deploy('Taker')
  const take = (token: Hex, what: bigint) =>
    call(at, arena.encode('Taker', 'take', [token, arena.safe, ATTACKER.address, what]))
  await arena.allow(at, take(arena.dollar, 0n).data.slice(0, 10) as Hex)
  return { at, take }
}

/** What flows out of assets in one batch, or in many. */
export const OUTFLOW_ATTACKS: ContractAttack[] = [
  {
    name: 'all native coins as the value of a swap of one dollar, and refundETH by the attacker',
    refusedBy: 'ValueNotAllowed',
    without: inModule('if (value > most || place == 0) revert', 'if (place == 0) revert'),
    async attempt(arena) {
      const [approve, swap] = arena.swapCalls() as [Call, Call]
      const calls = [approve, { ...swap, value: 9n * 10n ** 18n }]
      const done = await arena.signedByAll({ calls, bounds: native(arena) })
      const refund = encodeFunctionData({ abi: parseAbi(['function refundETH()']), functionName: 'refundETH' })
      return done === 'succeeded' ? arena.attempt(ATTACKER, arena.router, refund) : done
    },
  },
  {
    name: 'native coins in pieces that their rule allows, beyond their cap',
    refusedBy: 'CapExceeded',
    without: UNCAPPED,
    async attempt(arena) {
      await arena.allow(arena.router, '0x414bf389', 4, { maxValue: 10n ** 18n })
      await arena.configure('setCap', [zeroAddress, 15n * 10n ** 17n, DAY])
      const [approve, swap] = arena.swapCalls() as [Call, Call]
      const changes = { calls: [approve, { ...swap, value: 10n ** 18n }], bounds: native(arena) }
      const first = await arena.signedByAll(changes)
      return first === 'succeeded' ? arena.signedByAll(changes) : first
    },
  },
  {
    name: 'native coins that leave as value, and come back before the batch ends',
    refusedBy: 'CapExceeded',
    without: [{ file: OUTFLOWS, from: 'add(ledger, index, value);', to: '' }],
    async attempt(arena) {
      const amount = 10n ** 18n
      await arena.allow(arena.weth, '0xd0e30db0', 0, { maxValue: amount })
      await arena.allow(arena.weth, '0x2e1a7d4d')
      await arena.configure('setCap', [zeroAddress, amount - 1n, DAY])
      const abi = parseAbi(['function withdraw(uint256 amount)'])
      const back = encodeFunctionData({ abi, functionName: 'withdraw', args: [amount] })
      return arena.signedByAll({
        calls: [call(arena.weth, '0xd0e30db0', amount), call(arena.weth, back)],
        bounds: native(arena),
      })
    },
  },
  {
    name: 'what one call brings another takes: net nothing, gross beyond the cap',
    refusedBy: 'CapExceeded',
    without: [
      {
        file: OUTFLOWS,
        from: 'if (current != last) _set(ledger.last, i, current);',
        to: 'if (current < last) _set(ledger.last, i, current);',
      },
    ],
    async attempt(arena) {
      await arena.configure('setCap', [arena.dollar, SWAP_IN / 2n, DAY])
      const calls = [
        arena.approve(arena.dollar, arena.exchange, SWAP_IN),
        arena.trade(arena.evil, arena.dollar, 0n, SWAP_IN),
        arena.trade(arena.dollar, arena.evil, SWAP_IN, 0n),
      ]
      return arena.signedByAll({ calls, bounds: [arena.bound(arena.dollar, 0n)] })
    },
  },
  {
    name: "a token's hook takes by an allowance what the same call pays: no balance shows it",
    refusedBy: 'CapExceeded',
    without: UNCOUNTED,
    async attempt(arena) {
      await arena.configure('setCap', [arena.dollar, SWAP_IN / 2n, DAY])
      await arena.configure('setSpender', [arena.evil, arena.exchange, 1])
      const { at, take } = await taker(arena)
      await arena.tell(arena.evil, 'HostileToken', 'setHook', [at, take(arena.dollar, SWAP_IN).data])
      const calls = [
        arena.approve(arena.dollar, at, SWAP_IN),
        arena.approve(arena.evil, arena.exchange, 1n),
        arena.trade(arena.evil, arena.dollar, 1n, SWAP_IN),
      ]
      const bounds = [arena.bound(arena.dollar, 0n), arena.bound(arena.evil, -1n)]
      const done = await arena.signedByAll({ calls, bounds })
      return done === 'succeeded' && (await arena.balance(arena.dollar, ATTACKER.address)) === 0n ? 'no gain' : done
    },
  },
  {
    name: 'allowances of one spender, given twice in a batch and taken back: both count',
    refusedBy: 'CapExceeded',
    without: UNCOUNTED,
    async attempt(arena) {
      await arena.configure('setCap', [arena.dollar, SWAP_IN + SWAP_IN / 2n, DAY])
      const calls = [SWAP_IN, SWAP_IN, 0n].map(amount => arena.approve(arena.dollar, ATTACKER.address, amount))
      return arena.signedByAll({ calls, bounds: [arena.bound(arena.dollar, 0n)] })
    },
  },
  {
    name: 'an endless allowance and one more: the sum starts again at nothing',
    refusedBy: 'CapExceeded',
    without: [{ file: OUTFLOWS, from: 'sum < amount ? type(uint256).max : sum', to: 'sum' }],
    async attempt(arena) {
      await arena.configure('setCap', [arena.dollar, SWAP_IN, DAY])
      const calls = [MOST, 1n, 0n].map(amount => arena.approve(arena.dollar, ATTACKER.address, amount))
      return arena.signedByAll({ calls, bounds: [arena.bound(arena.dollar, 0n)] })
    },
  },
  {
    name: 'allowances given through Permit2, used and taken back',
    refusedBy: 'CapExceeded',
    without: UNCOUNTED,
    async attempt(arena) {
      const permit2 = await arena.deploy('Permit2')
      await arena.asOwners(arena.evil, arena.encode('HostileToken', 'approve', [permit2, 10n ** 30n]))
      await arena.configure('setCap', [arena.evil, 15n * 10n ** 17n, DAY])
      const { at } = await taker(arena)
      const approve = (amount: bigint) =>
        call(permit2, arena.encode('Permit2', 'approve', [arena.evil, at, amount, 2_000_000_000]))
      const words = [permit2, arena.evil, arena.safe, ATTACKER.address, 10n ** 18n]
      const take = call(at, arena.encode('Taker', 'takeThrough', words))
      for (const { to, data } of [approve(0n), take]) await arena.allow(to, data.slice(0, 10) as Hex)
      const calls = [approve(10n ** 18n), take, approve(0n)]
      return arena.signedByAll({ calls, bounds: [arena.bound(arena.evil, -(10n ** 18n))] })
    },
  },
  {
    name: 'an allowance of a token that is not listed, taken within the batch',
    refusedBy: 'SpenderNotListed',
    without: UNPINNED,
    async attempt(arena) {
      const other = await arena.deploy('HostileToken')
      await arena.tell(other, 'HostileToken', 'mint', [arena.safe, 10n ** 18n])
      await arena.allow(other, '0x095ea7b3')
      const { at, take } = await taker(arena)
      const calls = [arena.approve(other, at, 10n ** 18n), take(other, 10n ** 18n)]
      return arena.signedByAll({ calls, bounds: [arena.bound(arena.dollar, 0n)] })
    },
  },
  {
    name: 'setApprovalForAll to a stranger, a position taken, and the approval taken back',
    refusedBy: 'SpenderNotListed',
    without: UNPINNED,
    async attempt(arena) {
      const manager = await positions(arena)
      const id = await mintPosition(arena, manager)
      const { at, take } = await taker(arena)
      const abi = parseAbi(['function setApprovalForAll(address operator, bool approved)'])
      const all = (approved: boolean) =>
        call(manager, encodeFunctionData({ abi, functionName: 'setApprovalForAll', args: [at, approved] }))
      await arena.allow(manager, '0xa22cb465')
      const calls = [all(true), take(manager, id), all(false)]
      return arena.signedByAll({ calls, bounds: [arena.bound(arena.dollar, 0n)] })
    },
  },
  {
    name: 'liquidity taken out at a pushed price, beyond what the owners let out of positions',
    refusedBy: 'CapExceeded',
    without: inModule('if (rule.amountWord != 0)', 'if (1 == 2)'),
    async attempt(arena) {
      const manager = await positions(arena)
      const id = await mintPosition(arena, manager)
      await arena.allow(manager, '0x0c49ccbe', 0, { amountWord: 2 })
      await arena.configure('setAssets', [[zeroAddress, arena.dollar, arena.weth, manager]])
      await arena.configure('setCap', [manager, 999n, DAY])
      const abi = parseAbi([
        'struct Decrease { uint256 tokenId; uint128 liquidity; uint256 amount0Min; uint256 amount1Min; uint256 deadline; }',
        'function decreaseLiquidity(Decrease params) payable returns (uint256, uint256)',
      ])
      const params = { tokenId: id, liquidity: 1_000n, amount0Min: 0n, amount1Min: 0n, deadline: 2_000_000_000n }
      const data = encodeFunctionData({ abi, functionName: 'decreaseLiquidity', args: [params] })
      return arena.signedByAll({ calls: [call(manager, data)], bounds: [arena.bound(arena.dollar, 0n)] })
    },
  },
  {
    name: 'batches just below the approval limit, one after the other',
    refusedBy: 'ApprovalNeeded',
    without: FORGETFUL,
    async attempt(arena) {
      await arena.configure('setApprovalLimit', [arena.dollar, SWAP_IN + 1n, DAY])
      const first = await arena.signedByAll({})
      return first === 'succeeded' ? arena.signedByAll({}) : first
    },
  },
  {
    name: 'batches just below the limit of the few, one after the other',
    refusedBy: 'VerifiersNeeded',
    without: FORGETFUL,
    async attempt(arena) {
      const [first, second, third] = VERIFIERS
      await arena.configure('setVerifiers', [[first.address, second.address, third.address], 2n])
      await arena.configure('setVerifierLimit', [arena.dollar, SWAP_IN + 1n, DAY, 3])
      const done = await arena.signedByAll({}, [first, second])
      return done === 'succeeded' ? arena.signedByAll({}, [first, second]) : done
    },
  },
]
