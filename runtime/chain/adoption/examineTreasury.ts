import type { Hex, PublicClient } from 'viem'
import type { TreasuryConfig } from '#config/treasuryConfig.ts'
import { reasonOf } from '#verifier/evidence/error.ts'
import type { Policy } from '#verifier/policy/policy.ts'
import { type Holder, roleConflict } from '#verifier/policy/roles.ts'
import { rolesOf } from '#verifier/policy/rolesOf.ts'
import { GUARD_ABI } from '../abi.ts'
import { guardFault, moduleFault } from './checkDeployment.ts'
import { differencesOf } from './differences.ts'
import { lexiconOf, settingsOf } from './moduleSettings.ts'
import { type ModuleState, readModule } from './moduleState.ts'
import { hasModuleGuards, isSafesHandler, isSafesSingleton, readSafe, type SafeState } from './safeState.ts'
import { wantedSettings } from './wantedSettings.ts'

/** One thing that was looked at. */
export type Finding = { what: string; ok: boolean; detail: string }

export type ExamineTreasuryParameters = {
  client: PublicClient
  chainId: number
  safe: string
  module: string
  /** What the module must enforce; null: only identities are examined. */
  policy: Policy | null
  /** What owners decided beside it; null: their decisions are not compared. */
  config: TreasuryConfig | null
}

/**
 * Whether the chain has what the files say: module and guard by code and configuration, every other way into the Safe, and
 * every setting. Whatever is not known is named.
 */
export async function examineTreasury(parameters: ExamineTreasuryParameters): Promise<Finding[]> {
  const { client, safe: address, module, policy, config } = parameters
  const findings: Finding[] = []
  const add = (what: string, fault: string | null, detail: string) =>
    void findings.push({ what, ok: fault === null, detail: fault ?? detail })
  const attempt = async <T>(what: string, work: () => Promise<T>): Promise<T | null> =>
    work().catch((error: unknown) => {
      add(what, reasonOf(error), '')
      return null
    })

  await attempt('module', async () =>
    add('module', await moduleFault(client, parameters), `this version's, for Safe ${address}`),
  )
  const safe = await attempt('Safe', () => readSafe(client, address))
  if (safe !== null) {
    await attempt('Safe', async () =>
      add(
        'Safe',
        (await isSafesSingleton(client, safe.singleton))
          ? null
          : `its code ${safe.singleton} is none that Safe published`,
        `${safe.version}, ${safe.threshold} of ${safe.owners.length} owners`,
      ),
    )
    for (const finding of await otherWays(safe, parameters)) findings.push(finding)
  }
  const state = await attempt('settings', () => readModule(client, module as Hex))
  if (state === null) return findings
  add('not paused', state.paused ? 'the module is paused: only the owners can resume it' : null, 'running')
  add('verifiers', null, `${state.threshold} of ${state.verifiers.length}: ${state.verifiers.join(', ')}`)
  const conflict = roleConflict(holdersOf(state, parameters))
  add('keys', conflict, 'each role has keys of its own')
  if (policy !== null) findings.push(...settingsFindings(state, policy, config))
  return findings
}

/** Every way but the module's in which somebody else than the owners could act for the Safe. */
async function otherWays(
  safe: SafeState,
  { client, module, config, ...deployment }: ExamineTreasuryParameters,
): Promise<Finding[]> {
  const findings: Finding[] = []
  const add = (what: string, fault: string | null, detail: string) =>
    void findings.push({ what, ok: fault === null, detail: fault ?? detail })
  const known = config?.otherModules ?? []
  add('module enabled', safe.modules.includes(module) ? null : 'the Safe has not enabled it', 'yes')
  const others = safe.modules.filter(other => other !== module)
  for (const other of others)
    add(
      'other module',
      known.includes(other)
        ? null
        : `${other} is enabled too, and nobody says why: disable it, or name it in otherModules`,
      `${other}, named in otherModules: what it does is not examined`,
    )
  if (others.length === 0) add('other modules', null, 'none is enabled')
  const { moduleGuard: guard, transactionGuard, fallbackHandler } = safe
  if (guard === null)
    add(
      'module guard',
      others.length > 0 || typeof config?.guard === 'string'
        ? `none: whatever module is enabled can take all${config?.guard ? `; ${config.guard} is to be set` : ''}`
        : null,
      hasModuleGuards(safe)
        ? 'no module guard: no other module may ever be enabled'
        : `no module guard (Safe ${safe.version} has none): no other module may ever be enabled`,
    )
  else {
    const fault =
      (await guardFault(client, guard, { ...deployment, module })) ??
      (config !== null && config.guard !== guard ? `${guard}: the configuration names ${config.guard ?? 'none'}` : null)
    add('module guard', fault === null ? null : `another guard than this module's: ${fault}`, `module guard ${guard}`)
    if (fault === null) {
      const list = await client.readContract({ address: guard as Hex, abi: GUARD_ABI, functionName: 'getAllowed' })
      const allowed = list.map(entry => entry.toLowerCase())
      const unknown = allowed.filter(entry => !known.includes(entry))
      add(
        'guard allows',
        unknown.length === 0 ? null : `${unknown.join(', ')} beside the module, and nobody says why`,
        allowed.length === 0 ? 'the module alone' : `the module and ${allowed.join(', ')}`,
      )
    }
  }
  add(
    'transaction guard',
    transactionGuard === null || transactionGuard === config?.transactionGuard
      ? null
      : `${transactionGuard}: it decides what the owners may do; name it in transactionGuard if they know it`,
    transactionGuard === null ? 'none' : `${transactionGuard}, named in the configuration`,
  )
  const isKnown =
    fallbackHandler === null ||
    fallbackHandler === config?.fallbackHandler ||
    (await isSafesHandler(client, fallbackHandler))
  add(
    'fallback handler',
    isKnown ? null : `${fallbackHandler} is none that Safe published; name it in fallbackHandler if the owners know it`,
    fallbackHandler ?? 'none',
  )
  return findings
}

function holdersOf(state: ModuleState, { safe, module, policy, config }: ExamineTreasuryParameters): Holder[] {
  return [
    ...(policy === null
      ? [
          { role: 'Safe' as const, address: safe, where: 'its Safe' },
          { role: 'module' as const, address: module, where: 'itself' },
        ]
      : rolesOf(policy)),
    ...(config?.guard ? [{ role: 'guard' as const, address: config.guard, where: "the configuration's guard" }] : []),
    ...state.verifiers.map(address => ({ role: 'verifier' as const, address, where: "the module's verifiers" })),
    ...state.approvers.map(address => ({ role: 'approver' as const, address, where: "the module's approvers" })),
    { role: 'guardian', address: state.guardian, where: "the module's guardian" },
  ]
}

function settingsFindings(state: ModuleState, policy: Policy, config: TreasuryConfig | null): Finding[] {
  const actual = settingsOf(state, lexiconOf(policy, state.tokens))
  const differences = differencesOf(actual, wantedSettings(policy, config), { isPartial: config === null })
  if (differences.length === 0)
    return [
      {
        what: 'settings',
        ok: true,
        detail:
          config === null
            ? `${actual.length}, the policy's are in force; caps, limits, verifiers, guardian and spenders were not compared: give --config`
            : `all ${actual.length} are those of policy and configuration`,
      },
    ]
  return differences.map(({ key, words }) => ({
    what: 'settings',
    ok: false,
    detail: words.startsWith('no longer: ')
      ? `${key}: in force, and should not be: ${words.slice('no longer: '.length)}`
      : `${key}: not in force: ${words}`,
  }))
}
