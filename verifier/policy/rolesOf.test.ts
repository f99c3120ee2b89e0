import { expect, test } from 'vitest'
import type { Policy } from './policy.ts'
import { requireOwnRoles } from './roles.ts'
import { rolesOf } from './rolesOf.ts'

const address = (byte: string) => `0x${byte.repeat(20)}`
const policy = (executors: string[], approvers: string[]) =>
  ({
    ...{ safe: address('a1'), module: address('a2'), approvals: { approvers } },
    identities: { executors: executors.map(one => ({ address: one })) },
  }) as object as Policy

test('a policy names Safe, module, every executor and every approver, and where each stands', () => {
  const [first, second, third] = [address('b1'), address('b2'), address('b3')]
  expect(rolesOf(policy([first, second], [third]))).toEqual([
    { role: 'Safe', address: address('a1'), where: "the policy's safe" },
    { role: 'module', address: address('a2'), where: "the policy's module" },
    { role: 'executor', address: first, where: "the policy's identities.executors.0" },
    { role: 'executor', address: second, where: "the policy's identities.executors.1" },
    { role: 'approver', address: third, where: "the policy's approvals.approvers.0" },
  ])
})

test('one of them in two roles is refused by name', () => {
  expect(() => requireOwnRoles(rolesOf(policy([address('b1')], [address('b2')])))).not.toThrow()
  expect(() => requireOwnRoles(rolesOf(policy([address('b1')], [address('b1')])))).toThrow(
    /is executor \(the policy's identities.executors.0\) and approver \(the policy's approvals.approvers.0\)/,
  )
})
