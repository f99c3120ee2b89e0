import { expect, test } from 'vitest'
import { validAt } from './policy.ts'

test('an identity is valid from its first to its last millisecond', () => {
  expect(validAt({ fromMs: 5 }, 5)).toBe(true)
})
