import { revocationOf, type Setter, type Setting } from './moduleSettings.ts'

/** One thing in which a module is not as it should be, and the call that makes it so. */
export type Difference = { key: string; words: string; rank: number; call: Setter }

/** Which kinds of settings a comparison with the policy alone can speak of. */
const OF_THE_POLICY = /^(policy|approvers|payee |rule )/

/** What a new module has: no policy, nobody who approves, no assets. */
const NOTHING = /^(0x0+)?$/

/**
 * What must be set, and what taken back, to come from `actual` to `wanted`, in an order in which the module accepts it: what
 * is taken back first. `isPartial`: `wanted` is of the policy alone.
 */
export function differencesOf(
  actual: readonly Setting[],
  wanted: readonly Setting[],
  { isPartial = false }: { isPartial?: boolean } = {},
): Difference[] {
  const [there, should] = [byKey(actual), byKey(wanted)]
  const differences: Difference[] = []
  for (const { key, value, words, rank, set } of wanted) {
    const is = there.get(key)
    if (is !== undefined && (value === null || is.value === value)) continue
    const instead = is === undefined || NOTHING.test(is.value ?? '') ? '' : ` (until now: ${is.words})`
    differences.push({ key, words: `${words}${instead}`, rank, call: set })
  }
  for (const setting of actual) {
    const { key, words } = setting
    if (should.has(key) || (isPartial && !OF_THE_POLICY.test(key))) continue
    const call = revocationOf(setting)
    if (call !== null) differences.push({ key, words: `no longer: ${words}`, rank: 1, call })
  }
  return differences.sort((a, b) => a.rank - b.rank)
}

const byKey = (settings: readonly Setting[]) => new Map(settings.map(setting => [setting.key, setting]))
