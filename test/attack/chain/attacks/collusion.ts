import { encodeFunctionData, type Hex, parseAbi } from 'viem'
import { SAFE_ABI } from '#runtime/chain/devnet/deploySafe.ts'
import { ATTACKER, SWAP_IN } from '../arena.ts'
import { type ContractAttack, inModule, inSettings, MODULE, never, UNBOUND_FALL } from './attack.ts'
import { mintPosition, positions } from './positions.ts'

/** What k colluding verifiers may sign, and must not move. */
export const COLLUSION_ATTACKS: ContractAttack[] = [
  {
    name: 'k colluding verifiers pay another recipient',
    refusedBy: 'RecipientNotSafe',
    without: inModule(
      'if (recipient != address(safe) && _payeePlace[recipient] == 0) revert',
      'if (recipient == address(0)) revert',
    ),
    async attempt(arena) {
      const stolen = arena.swapCalls().map(call => ({
        ...call,
        data: call.data.replaceAll(arena.safe.slice(2), ATTACKER.address.slice(2).toLowerCase()) as Hex,
      }))
      const done = await arena.signedByAll({ calls: stolen, bounds: [arena.bound(arena.dollar, -SWAP_IN)] })
      return done === 'succeeded' && (await arena.balance(arena.weth, ATTACKER.address)) === 0n ? 'no gain' : done
    },
  },
  {
    name: 'k colluding verifiers call a target that no rule names',
    refusedBy: 'CallNotAllowed',
    without: never('if (!rule.allowed) revert'),
    attempt: arena =>
      arena.signedByAll({
        calls: [
          {
            to: arena.dollar,
            value: 0n,
            data: arena.encode('HostileToken', 'transfer', [ATTACKER.address, 10n ** 10n]),
          },
        ],
        bounds: [arena.bound(arena.dollar, -(10n ** 10n))],
      }),
  },
  {
    name: 'k colluding verifiers call the Safe itself, to enable a module of theirs',
    refusedBy: 'CallNotAllowed',
    without: [
      ...inSettings('if (target == address(safe) || target == address(this)) revert', 'if (1 == 2) revert'),
      ...inModule('|| call.to == address(safe) || call.to == address(this)', ''),
    ],
    async attempt(arena) {
      const enable = encodeFunctionData({ abi: SAFE_ABI, functionName: 'enableModule', args: [ATTACKER.address] })
      await arena.owners(() => arena.allow(arena.safe, enable.slice(0, 10) as Hex))
      const bounds = [arena.bound(arena.dollar, 0n)]
      return arena.signedByAll({ calls: [{ to: arena.safe, value: 0n, data: enable }], bounds })
    },
  },
  {
    name: 'k colluding verifiers against the backstop',
    refusedBy: 'CapExceeded',
    without: inModule('if (!fits) revert CapExceeded', 'if (1 == 2) revert CapExceeded'),
    async attempt(arena) {
      await arena.configure('setCap', [arena.dollar, SWAP_IN + SWAP_IN / 2n, 86_400])
      const first = await arena.signedByAll({})
      return first === 'succeeded' ? arena.signedByAll({}) : first
    },
  },
  {
    name: 'an asset leaves that no bound names',
    refusedBy: 'UnboundAssetFell',
    without: UNBOUND_FALL,
    attempt: arena => arena.signedByAll({ bounds: [arena.bound(arena.weth, 1n)] }),
  },
  {
    name: 'native coins leave inside a call',
    refusedBy: 'UnboundAssetFell',
    without: UNBOUND_FALL,
    async attempt(arena) {
      await arena.allow(arena.weth, '0xd0e30db0', 0, { maxValue: 10n ** 18n })
      const calls = [{ to: arena.weth, value: 10n ** 18n, data: '0xd0e30db0' as Hex }]
      return arena.signedByAll({ calls, bounds: [arena.bound(arena.weth, 1n)] })
    },
  },
  {
    name: 'bounds on the same token twice: the strict one second',
    refusedBy: 'BoundViolated',
    without: inModule('if (!holds) revert', 'if (!holds && i == 0) revert'),
    attempt: arena =>
      arena.signedByAll({
        bounds: [arena.bound(arena.dollar, -(10n ** 12n)), arena.bound(arena.dollar, -1n), arena.bound(arena.weth, 1n)],
      }),
  },
  {
    name: 'bound of a kind that nobody knows',
    refusedBy: 'UnknownBoundKind',
    without: inModule('bound.kind > HEALTH_FACTOR_AT_LEAST ||', ''),
    async attempt(arena) {
      const pool = await arena.deploy('LendingPool', [arena.dollar, 1n])
      return arena.signedByAll({
        bounds: [arena.bound(arena.dollar, -SWAP_IN), arena.bound(arena.weth, 1n), arena.bound(pool, 1n, 9)],
      })
    },
  },
  {
    name: 'debt beyond its bound',
    refusedBy: 'BoundViolated',
    without: inModule('holds = actual <= bound.limit;', 'holds = true;'),
    async attempt(arena) {
      const pool = await arena.deploy('LendingPool', [arena.dollar, 10n ** 12n])
      await arena.net.market.mintDollars(pool, 10n ** 10n)
      const data = arena.encode('LendingPool', 'borrow', [10n ** 9n, arena.safe])
      await arena.allow(pool, data.slice(0, 10) as Hex, 2)
      return arena.signedByAll({ calls: [{ to: pool, value: 0n, data }], bounds: [arena.bound(pool, 10n ** 8n, 1)] })
    },
  },
  {
    name: 'health factor pushed below its bound',
    refusedBy: 'BoundViolated',
    without: [
      {
        file: MODULE,
        from: 'actual = health > uint256(type(int256).max) ? type(int256).max : int256(health);\n                holds = actual >= bound.limit;',
        to: 'actual = int256(health >> 1);\n            holds = true;',
      },
    ],
    async attempt(arena) {
      const pool = await arena.deploy('LendingPool', [arena.dollar, 10n ** 9n])
      await arena.net.market.mintDollars(pool, 10n ** 10n)
      const data = arena.encode('LendingPool', 'borrow', [10n ** 9n, arena.safe])
      await arena.allow(pool, data.slice(0, 10) as Hex, 2)
      const bounds = [arena.bound(pool, 15n * 10n ** 17n, 3)]
      return arena.signedByAll({ calls: [{ to: pool, value: 0n, data }], bounds })
    },
  },
  {
    name: 'position token given away',
    refusedBy: 'BoundViolated',
    without: inModule('holds = actual == 1;', 'holds = true;'),
    async attempt(arena) {
      const manager = await positions(arena)
      const id = await mintPosition(arena, manager)
      const abi = parseAbi(['function transferFrom(address from, address to, uint256 id)'])
      const data = encodeFunctionData({ abi, functionName: 'transferFrom', args: [arena.safe, ATTACKER.address, id] })
      await arena.allow(manager, data.slice(0, 10) as Hex)
      return arena.signedByAll({ calls: [{ to: manager, value: 0n, data }], bounds: [arena.bound(manager, 0n, 2, id)] })
    },
  },
]
