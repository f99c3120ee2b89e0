import { encodeFunctionData, parseAbi, toFunctionSelector } from 'viem'
import { MODULE_ABI } from '#runtime/chain/abi.ts'
import { SAFE_ABI } from '#runtime/chain/devnet/deploySafe.ts'
import { revertReason } from '#runtime/chain/revertReason.ts'
import { type Arena, ATTACKER, SWAP_IN } from '../arena.ts'
import { type ContractAttack, EVIL_FOR_DOLLARS, GUARD, inModule, inSettings, never } from './attack.ts'

/** Other ways in than by a verdict. */
export const OTHER_WAYS: ContractAttack[] = [
  {
    name: 'another enabled module moves tokens',
    refusedBy: 'ModuleDenied',
    without: never('if (!isAllowed(module)) revert', GUARD),
    attempt: arena => byOtherModule(arena, 0),
  },
  {
    name: 'an allowed module uses delegatecall',
    refusedBy: 'DelegatecallDenied',
    without: never('if (operation != 0) revert', GUARD),
    async attempt(arena) {
      const abi = parseAbi(['function allowModule(address module, bool allowed)'])
      const args = [ATTACKER.address, true] as const
      await arena.asOwners(arena.guard, encodeFunctionData({ abi, functionName: 'allowModule', args }))
      return byOtherModule(arena, 1)
    },
  },
  {
    name: 'a stranger configures the guard',
    refusedBy: 'NotTheSafe',
    without: [{ file: GUARD, from: 'if (msg.sender != safe) revert', to: 'if (msg.sender == address(1)) revert' }],
    attempt(arena) {
      const abi = parseAbi(['function allowModule(address module, bool allowed)'])
      const args = [ATTACKER.address, true] as const
      return arena.attempt(ATTACKER, arena.guard, encodeFunctionData({ abi, functionName: 'allowModule', args }))
    },
  },
  {
    name: 'a stranger configures the module',
    refusedBy: 'NotTheSafe',
    without: inSettings(
      'if (msg.sender != address(safe)) revert NotTheSafe',
      'if (msg.sender == address(1)) revert NotTheSafe',
    ),
    attempt: arena =>
      arena.attempt(
        ATTACKER,
        arena.module,
        encodeFunctionData({ abi: MODULE_ABI, functionName: 'setVerifiers', args: [[ATTACKER.address], 1n] }),
      ),
  },
  {
    name: 'the guardian tries to resume',
    refusedBy: 'NotTheSafe',
    without: inSettings('function resume() external onlySafe', 'function resume() external'),
    async attempt(arena) {
      const pause = encodeFunctionData({ abi: MODULE_ABI, functionName: 'pause' })
      await arena.client.send(arena.guardian, { to: arena.module, data: pause })
      return arena.attempt(
        arena.guardian,
        arena.module,
        encodeFunctionData({ abi: MODULE_ABI, functionName: 'resume' }),
      )
    },
  },
  {
    name: 'a stranger pauses',
    refusedBy: 'NotTheGuardian',
    without: inSettings(
      'if (msg.sender != guardian && msg.sender != address(safe)) revert',
      'if (msg.sender == address(1)) revert',
    ),
    attempt: arena =>
      arena.attempt(ATTACKER, arena.module, encodeFunctionData({ abi: MODULE_ABI, functionName: 'pause' })),
  },
  {
    name: 'a hostile token re-enters with a second verdict',
    refusedBy: 'Reentered',
    without: inModule('if (_entered) revert', 'if (1 == 2) revert'),
    async attempt(arena) {
      const inner = await arena.verdict({ executor: arena.evil })
      const data = arena.encodeExecute(inner, [await arena.sign(inner)])
      await arena.tell(arena.evil, 'HostileToken', 'setHook', [arena.module, data])
      const done = await arena.signedByAll({
        ...EVIL_FOR_DOLLARS(arena, 10n ** 18n),
        bounds: [arena.bound(arena.dollar, -2n * SWAP_IN), arena.bound(arena.evil, 1n), arena.bound(arena.weth, 0n)],
      })
      // The module's own error comes wrapped in the failed call's.
      return done.includes(toFunctionSelector('Reentered()')) ? `Reentered(): ${done}` : done
    },
  },
]

/** The attacker's own module tries to take dollars from the Safe. */
async function byOtherModule(arena: Arena, operation: 0 | 1): Promise<string> {
  await arena.asOwners(
    arena.safe,
    encodeFunctionData({ abi: SAFE_ABI, functionName: 'enableModule', args: [ATTACKER.address] }),
  )
  const abi = parseAbi([
    'function execTransactionFromModule(address to, uint256 value, bytes data, uint8 operation) returns (bool)',
    'error ModuleDenied(address module)',
    'error DelegatecallDenied(address module)',
  ])
  const take = arena.encode('HostileToken', 'transfer', [ATTACKER.address, 1n])
  const args = [arena.dollar, 0n, take, operation] as const
  const data = encodeFunctionData({ abi, functionName: 'execTransactionFromModule', args })
  return arena.client.public.call({ account: ATTACKER.address, to: arena.safe, data }).then(
    () => arena.attempt(ATTACKER, arena.safe, data),
    error => revertReason(error, abi),
  )
}
