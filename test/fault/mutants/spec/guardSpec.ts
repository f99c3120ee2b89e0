import { type ContractSpec, same } from './specCase.ts'
import { GUARDIAN, STRANGER, someone } from './specWorld.ts'

const OTHER = someone(0xf1)
const CALL = (operation: number, module: string) => [someone(1), 0n, '0x', operation, module]

/** What WarrantGuard must do. */
export const guardSpec: ContractSpec = {
  about: 'WarrantGuard',
  contract: 'WarrantGuard',
  async open(world) {
    const { outcome, logs } = await world.deploy('WarrantGuard', [world.safe, world.address('WarrantModule')])
    same(outcome, 'ok', 'the deployment')
    same(
      logs.map(({ event }) => event),
      [`ModuleAllowed(${world.address('WarrantModule')}, true)`],
      'its event',
    )
  },
  cases: [
    {
      name: 'the guarded module is allowed, another one is not',
      async run(world) {
        const module = world.address('WarrantModule')
        same(await world.read('WarrantGuard', 'safe'), world.safe, 'safe')
        same(await world.read('WarrantGuard', 'warrantModule'), module, 'warrantModule')
        same(await world.read('WarrantGuard', 'isAllowed', [module]), 'true', 'the module')
        same(await world.read('WarrantGuard', 'isAllowed', [OTHER]), 'false', 'another')
        const check = (operation: number, from: string) =>
          world.attempt('WarrantGuard', 'checkModuleTransaction', CALL(operation, from))
        same(await check(0, module), 'ok', 'a call of the module')
        same(await check(1, module), `DelegatecallDenied(${module})`, 'a delegatecall of the module')
        same(await check(2, module), `DelegatecallDenied(${module})`, 'an operation that is none')
        same(await check(0, OTHER), `ModuleDenied(${OTHER})`, 'a call of another')
        same(await check(1, OTHER), `ModuleDenied(${OTHER})`, 'a delegatecall of another')
        same(
          await world.read('WarrantGuard', 'checkModuleTransaction', CALL(0, module)),
          `0x${'00'.repeat(32)}`,
          'answer',
        )
        same(
          await world.attempt('WarrantGuard', 'checkAfterModuleExecution', [`0x${'11'.repeat(32)}`, true]),
          'ok',
          'after',
        )
      },
    },
    {
      name: 'the Safe alone allows another module, and takes it back',
      async run(world) {
        const module = world.address('WarrantModule')
        const allow = (allowed: boolean, from = world.safe, which: string = OTHER) =>
          world.send('WarrantGuard', 'allowModule', [which, allowed], { from })
        for (const from of [STRANGER, GUARDIAN, OTHER, module])
          same((await allow(true, from)).outcome, `NotTheSafe(${from})`, 'somebody else')
        same((await allow(true, world.safe, module)).outcome, `ModuleIsFixed(${module})`, 'the guarded one')
        same((await allow(false, world.safe, module)).outcome, `ModuleIsFixed(${module})`, 'the guarded one')
        const allowed = await allow(true)
        same([allowed.outcome, allowed.logs[0]?.event], ['ok', `ModuleAllowed(${OTHER}, true)`], 'allowed')
        same(await world.read('WarrantGuard', 'isAllowed', [OTHER]), 'true', 'allowed')
        same(await world.read('WarrantGuard', 'isAllowed', [module]), 'true', 'the module')
        const check = (operation: number) =>
          world.attempt('WarrantGuard', 'checkModuleTransaction', CALL(operation, OTHER))
        same([await check(0), await check(1)], ['ok', `DelegatecallDenied(${OTHER})`], 'its calls')
        same((await allow(false)).logs[0]?.event, `ModuleAllowed(${OTHER}, false)`, 'taken back')
        same(await world.read('WarrantGuard', 'isAllowed', [OTHER]), 'false', 'taken back')
      },
    },
    {
      name: 'who sends a transaction does not matter, who calls does',
      async run(world) {
        const data = world.encode('WarrantGuard', 'allowModule', [OTHER, true])
        const { outcome } = await world.run(world.forwarder, [{ to: world.address('WarrantGuard'), data }], {
          from: world.safe,
        })
        same(outcome, `NotTheSafe(${world.forwarder})`, 'the Safe by way of another')
      },
    },
    {
      name: 'it has the interfaces of a module guard and of ERC-165, and no other',
      async run(world) {
        for (const [id, has] of [
          ['0x58401ed8', 'true'],
          ['0x01ffc9a7', 'true'],
          ['0xffffffff', 'false'],
          ['0xe6d7a83a', 'false'],
        ])
          same(await world.read('WarrantGuard', 'supportsInterface', [id]), has, id as string)
      },
    },
  ],
}
