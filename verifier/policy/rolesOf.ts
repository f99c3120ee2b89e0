import type { Policy } from './policy.ts'
import type { Holder } from './roles.ts'

/** The parts that a policy gives. Expired identities count: what was signed with them may stand. */
export function rolesOf({ safe, module, identities, approvals }: Policy): Holder[] {
  return [
    { role: 'Safe', address: safe, where: "the policy's safe" },
    { role: 'module', address: module, where: "the policy's module" },
    ...identities.executors.map(({ address }, i) => ({
      role: 'executor' as const,
      address,
      where: `the policy's identities.executors.${i}`,
    })),
    ...approvals.approvers.map((address, i) => ({
      role: 'approver' as const,
      address,
      where: `the policy's approvals.approvers.${i}`,
    })),
  ]
}
