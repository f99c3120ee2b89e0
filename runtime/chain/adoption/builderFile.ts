import { keccak256, toBytes } from 'viem'
import type { Policy } from '#verifier/policy/policy.ts'
import type { OwnersTransaction } from './planAdoption.ts'

/** A plan as a file of the Safe's Transaction Builder, with its checksum: a changed file is told apart when it is loaded. */
export function builderFile(
  policy: Pick<Policy, 'chainId' | 'name' | 'safe'>,
  plan: readonly OwnersTransaction[],
  createdAtMs: number,
): object {
  const file = {
    version: '1.0',
    chainId: String(policy.chainId),
    createdAt: createdAtMs,
    meta: {
      name: `Warrant: ${policy.name}`,
      description: plan.map(({ words }, i) => `${i + 1}. ${words}`).join('\n'),
      createdFromSafeAddress: policy.safe,
    },
    transactions: plan.map(({ to, value, data }) => ({
      to,
      value,
      data,
      contractMethod: null,
      contractInputsValues: null,
    })),
  }
  return { ...file, meta: { ...file.meta, checksum: builderChecksum(file) } }
}

/** The Transaction Builder's own: keccak256 of its canonical text, in which the name is null. */
export function builderChecksum(file: { meta: object }): string {
  return keccak256(toBytes(serialize({ ...file, meta: { ...file.meta, name: null } })))
}

/** As the Transaction Builder writes a document: the sorted keys of an object before its values, lists like lists. */
function serialize(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(serialize).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const keys = Object.keys(value).sort()
  const values = keys.map(key => `${serialize((value as Record<string, unknown>)[key])},`)
  return `{${JSON.stringify(keys)}${values.join('')}}`
}
