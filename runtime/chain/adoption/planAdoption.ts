import { type Address, encodeFunctionData, type Hex } from 'viem'
import type { TreasuryConfig } from '#config/treasuryConfig.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { Policy } from '#verifier/policy/policy.ts'
import { GUARD_ABI, MODULE_ABI } from '../abi.ts'
import { SAFE_ABI } from '../devnet/deploySafe.ts'
import { differencesOf } from './differences.ts'
import { lexiconOf, settingsOf } from './moduleSettings.ts'
import { type ModuleState, newModule } from './moduleState.ts'
import type { SafeState } from './safeState.ts'
import { wantedSettings } from './wantedSettings.ts'

/** One transaction that the Safe's owners sign, and what it means. */
export type OwnersTransaction = { to: string; value: '0'; data: Hex; words: string }

/** What stands on the chain. `allowed`: modules that the guard allows beside its own. */
export type Standing = {
  module: ModuleState
  safe: Pick<SafeState, 'modules' | 'moduleGuard'>
  allowed: readonly string[]
}

const SENTINEL = `0x${'0'.repeat(39)}1`

/**
 * Everything that a Safe's owners must sign for the module to enforce a policy, and what they decide beside it: what is
 * taken back, then what binds, and only then what lets it act. Without `standing` the module is as `deploy` leaves it, and
 * the Safe has no other. Nothing to sign: an empty list. @throws BAD_CONFIG, REFUSED for what only owners can decide
 */
export function planAdoption(
  policy: Policy,
  config: TreasuryConfig,
  standing: Standing = { module: newModule(config), safe: { modules: [], moduleGuard: null }, allowed: [] },
): OwnersTransaction[] {
  const wanted = wantedSettings(policy, config)
  const settings = differencesOf(settingsOf(standing.module, lexiconOf(policy, standing.module.tokens)), wanted).map(
    ({ words, call }) => ({
      to: policy.module,
      value: '0' as const,
      data: encodeFunctionData({ abi: MODULE_ABI, ...call } as never),
      words,
    }),
  )
  return [...settings, ...guardTransactions(config, standing), ...safeTransactions(policy, config, standing)]
}

function guardTransactions({ guard, otherModules }: TreasuryConfig, { allowed }: Standing): OwnersTransaction[] {
  if (guard === null) return []
  const allow = (module: string, isAllowed: boolean): OwnersTransaction => ({
    to: guard,
    value: '0',
    data: encodeFunctionData({ abi: GUARD_ABI, functionName: 'allowModule', args: [module as Address, isAllowed] }),
    words: isAllowed
      ? `${module} may act for the Safe too, past the guard`
      : `no longer: ${module} may act past the guard`,
  })
  return [
    ...allowed.filter(module => !otherModules.includes(module)).map(module => allow(module, false)),
    ...otherModules.filter(module => !allowed.includes(module)).map(module => allow(module, true)),
  ]
}

function safeTransactions(
  { safe, module }: Policy,
  { guard, otherModules }: TreasuryConfig,
  { safe: { modules, moduleGuard } }: Standing,
): OwnersTransaction[] {
  const bySafe = (words: string, data: Hex): OwnersTransaction => ({ to: safe, value: '0', data, words })
  if (guard === null && moduleGuard !== null)
    throw new WarrantError(
      'REFUSED',
      `guard: the Safe has module guard ${moduleGuard}, the configuration none: name it there, or let the owners remove it first`,
    )
  const plan: OwnersTransaction[] = []
  // From the last: the one before it in the Safe's list is still there.
  for (const [i, other] of [...modules.entries()].reverse()) {
    if (other === module || otherModules.includes(other)) continue
    const args = [(modules[i - 1] ?? SENTINEL) as Address, other as Address] as const
    const data = encodeFunctionData({ abi: SAFE_ABI, functionName: 'disableModule', args })
    plan.push(bySafe(`no longer: module ${other} may act for the Safe (to keep it, name it in otherModules)`, data))
  }
  // The guard before the module: there is no moment in which another way in stands open beside it.
  if (guard !== null && moduleGuard !== guard) {
    const data = encodeFunctionData({ abi: SAFE_ABI, functionName: 'setModuleGuard', args: [guard as Address] })
    const instead = moduleGuard === null ? '' : ` (until now by ${moduleGuard})`
    const others = otherModules.length === 0 ? '' : ` and ${otherModules.join(', ')}`
    plan.push(bySafe(`every module but ${module}${others} is denied, by guard ${guard}${instead}`, data))
  }
  if (!modules.includes(module)) {
    const data = encodeFunctionData({ abi: SAFE_ABI, functionName: 'enableModule', args: [module as Address] })
    plan.push(bySafe(`${module} may act for the Safe, by verdicts alone`, data))
  }
  return plan
}
