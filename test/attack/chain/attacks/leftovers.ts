import { encodeFunctionData, type Hex, parseAbi, toFunctionSelector } from 'viem'
import { ATTACKER, type Call, SWAP_IN } from '../arena.ts'
import { type ContractAttack, EFFECTS, inSettings } from './attack.ts'
import { mintPosition, positions } from './positions.ts'

/** Calls that the module does not look into. */
const OPAQUE = [
  'permit(address,address,uint256,uint256,uint8,bytes32,bytes32)',
  'permit(address,address,uint256,uint256,bool,uint8,bytes32,bytes32)',
  'permit(address,uint256,uint256,uint8,bytes32,bytes32)',
  'permit(address,((address,uint160,uint48,uint48),address,uint256),bytes)',
  'permit(address,((address,uint160,uint48,uint48)[],address,uint256),bytes)',
  'multicall(bytes[])',
  'multicall(uint256,bytes[])',
  'multicall(bytes32,bytes[])',
  'aggregate((address,bytes)[])',
  'aggregate3((address,bool,bytes)[])',
  'aggregate3Value((address,bool,uint256,bytes)[])',
  'execute(bytes,bytes[],uint256)',
  'execute(bytes,bytes[])',
  'execute(address,uint256,bytes)',
  'multiSend(bytes)',
]

/** Powers over the assets that a batch would leave behind. */
export const LEFTOVER_ATTACKS: ContractAttack[] = [
  ...(
    [
      ['approve', 'selector == APPROVE ||', 'approve'],
      ['increaseAllowance', '|| selector == INCREASE_ALLOWANCE', 'increaseAllowance'],
    ] as const
  ).map(
    ([name, from, functionName]): ContractAttack => ({
      name: `approval left behind by ${name}`,
      refusedBy: 'ApprovalOutlivesBatch',
      without: [{ file: EFFECTS, from, to: '' }],
      async attempt(arena) {
        const data = arena.encode('HostileToken', functionName, [ATTACKER.address, 10n ** 18n])
        await arena.allow(arena.evil, data.slice(0, 10) as Hex)
        const done = await arena.signedByAll({
          calls: [{ to: arena.evil, value: 0n, data }],
          bounds: [arena.bound(arena.evil, 0n)],
        })
        if (done !== 'succeeded') return done
        const take = arena.encode('HostileToken', 'transferFrom', [arena.safe, ATTACKER.address, 10n ** 18n])
        return arena.attempt(ATTACKER, arena.evil, take)
      },
    }),
  ),
  {
    name: 'approval left behind by setApprovalForAll',
    refusedBy: 'ApprovalOutlivesBatch',
    without: [{ file: EFFECTS, from: 'IERC721(to).isApprovedForAll(safe, grant.spender) ? 1 : 0', to: '0' }],
    async attempt(arena) {
      const manager = await positions(arena)
      const id = await mintPosition(arena, manager)
      const abi = parseAbi([
        'function setApprovalForAll(address operator, bool approved)',
        'function transferFrom(address from, address to, uint256 id)',
      ])
      const data = encodeFunctionData({ abi, functionName: 'setApprovalForAll', args: [ATTACKER.address, true] })
      await arena.allow(manager, data.slice(0, 10) as Hex)
      // Whoever may have it within a batch may not keep it.
      await arena.configure('setSpender', [manager, ATTACKER.address, 1])
      const done = await arena.signedByAll({
        calls: [{ to: manager, value: 0n, data }],
        bounds: [arena.bound(manager, 0n, 2, id)],
      })
      if (done !== 'succeeded') return done
      const args = [arena.safe, ATTACKER.address, id] as const
      return arena.attempt(ATTACKER, manager, encodeFunctionData({ abi, functionName: 'transferFrom', args }))
    },
  },
  {
    name: 'approval left behind in Permit2',
    refusedBy: 'ApprovalOutlivesBatch',
    without: [{ file: EFFECTS, from: 'if (selector == PERMIT2_APPROVE)', to: 'if (1 == 2)' }],
    async attempt(arena) {
      const permit2 = await arena.deploy('Permit2')
      // The Safe trusts Permit2 itself, as many do.
      await arena.asOwners(arena.evil, arena.encode('HostileToken', 'approve', [permit2, 10n ** 30n]))
      const data = arena.encode('Permit2', 'approve', [arena.evil, ATTACKER.address, 10n ** 18n, 2_000_000_000])
      await arena.allow(permit2, data.slice(0, 10) as Hex)
      const done = await arena.signedByAll({
        calls: [{ to: permit2, value: 0n, data }],
        bounds: [arena.bound(arena.evil, 0n)],
      })
      if (done !== 'succeeded') return done
      const take = [arena.safe, ATTACKER.address, 10n ** 18n, arena.evil]
      return arena.attempt(ATTACKER, permit2, arena.encode('Permit2', 'transferFrom', take))
    },
  },
  {
    name: 'owners talked into a rule for calls that carry calls or approvals',
    refusedBy: 'reverted',
    without: inSettings('if (rule.allowed && ApprovalEffects.isOpaque(selector)) revert', 'if (1 == 2) revert'),
    async attempt(arena) {
      const rules = await Promise.all(
        OPAQUE.map(signature => arena.setRuleFault(arena.router, toFunctionSelector(signature))),
      )
      const faults = rules.filter(fault => fault !== null)
      if (faults.length === 0) return 'succeeded'
      return faults.length === OPAQUE.length ? `reverted: ${faults[0]}` : `only ${faults.length} are refused`
    },
  },
  {
    name: 'approval smuggled in by permit',
    refusedBy: 'CallNotAllowed',
    without: [{ file: EFFECTS, from: 'selector == 0xd505accf', to: 'selector == 0x00000000' }],
    async attempt(arena) {
      const zero = `0x${'00'.repeat(32)}`
      const args = [arena.safe, ATTACKER.address, 10n ** 18n, 2n ** 40n, 27, zero, zero]
      const data = arena.encode('HostileToken', 'permit', args)
      await arena.owners(() => arena.allow(arena.evil, data.slice(0, 10) as Hex))
      const bounds = [arena.bound(arena.evil, 0n)]
      const done = await arena.signedByAll({ calls: [{ to: arena.evil, value: 0n, data }], bounds })
      if (done !== 'succeeded') return done
      const take = [arena.safe, ATTACKER.address, 10n ** 18n]
      return arena.attempt(ATTACKER, arena.evil, arena.encode('HostileToken', 'transferFrom', take))
    },
  },
  {
    name: "a swap to the attacker smuggled in by the router's multicall",
    refusedBy: 'CallNotAllowed',
    without: [{ file: EFFECTS, from: 'selector == 0xac9650d8', to: 'selector == 0x00000000' }],
    async attempt(arena) {
      const abi = parseAbi(['function multicall(bytes[] data)'])
      await arena.owners(() => arena.allow(arena.router, '0xac9650d8'))
      const [approve, swap] = arena.swapCalls() as [Call, Call]
      const inner = swap.data.replaceAll(arena.safe.slice(2), ATTACKER.address.slice(2).toLowerCase()) as Hex
      const data = encodeFunctionData({ abi, functionName: 'multicall', args: [[inner]] })
      const done = await arena.signedByAll({
        calls: [approve, { ...swap, data }],
        bounds: [arena.bound(arena.dollar, -SWAP_IN)],
      })
      return done === 'succeeded' && (await arena.balance(arena.weth, ATTACKER.address)) === 0n ? 'no gain' : done
    },
  },
]
