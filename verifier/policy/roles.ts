import { WarrantError } from '#verifier/evidence/error.ts'

/** What a key does for a treasury. The Safe, its module and guard are no keys: whoever they are, they play no part. */
export type Role = 'verifier' | 'executor' | 'guardian' | 'approver' | 'Safe' | 'module' | 'guard'

/** An address and its part. `where`: what says so, such as a file's field. */
export type Holder = { role: Role; address: string; where: string }

/** Told apart by their code, and perhaps not deployed yet. */
const CONTRACTS: readonly Role[] = ['Safe', 'module', 'guard']
const isContract = ({ role }: Holder) => CONTRACTS.includes(role)

/** Two parts of one address, in words; null: each has its own. Whoever plays two, checks himself. */
export function roleConflict(holders: readonly Holder[]): string | null {
  const seen = new Map<string, Holder>()
  for (const holder of holders) {
    const address = holder.address.toLowerCase()
    const other = seen.get(address)
    if (other !== undefined && other.role !== holder.role && !(isContract(other) && isContract(holder)))
      return `${address} is ${other.role} (${other.where}) and ${holder.role} (${holder.where}): one key in two roles checks itself; give each a key of its own`
    seen.set(address, other ?? holder)
  }
  return null
}

/** @throws BAD_CONFIG when one address plays two parts */
export function requireOwnRoles(holders: readonly Holder[]): void {
  const conflict = roleConflict(holders)
  if (conflict !== null) throw new WarrantError('BAD_CONFIG', conflict)
}
