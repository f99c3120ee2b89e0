import { expect, test } from 'vitest'
import { type Holder, type Role, roleConflict } from './roles.ts'

const ROLES: Role[] = ['verifier', 'executor', 'guardian', 'approver', 'Safe', 'module', 'guard']
const holder = (role: Role, byte: string): Holder => ({ role, address: `0x${byte.repeat(20)}`, where: `${role}'s` })

test('no two roles share a key, whichever they are and however it is written', () => {
  const own = ROLES.map((role, i) => holder(role, `a${i}`))
  expect(roleConflict([...own, holder('verifier', 'b1'), holder('verifier', 'b2')])).toBe(null)
  for (const [i, role] of ROLES.entries())
    for (const other of ROLES.slice(i + 1)) {
      const conflict = roleConflict([holder(role, 'ab'), { ...holder(other, 'AB') }])
      // Contracts are told apart by their code.
      if (i >= ROLES.indexOf('Safe')) expect(conflict).toBe(null)
      else expect(conflict).toMatch(new RegExp(`is ${role} .* and ${other} `))
      const turned = roleConflict([holder(other, 'ab'), holder(role, 'ab')])
      if (i >= ROLES.indexOf('Safe')) expect(turned).toBe(null)
      else expect(turned).toMatch(new RegExp(`is ${other} .* and ${role} `))
    }
  // One key listed twice in one role is no second role.
  expect(roleConflict([holder('executor', 'ab'), holder('executor', 'ab')])).toBe(null)
})
