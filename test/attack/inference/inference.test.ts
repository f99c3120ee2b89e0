import { beforeAll, describe, expect, test } from 'vitest'
import { honestDraft, LIES } from './lies.ts'
import { judge, lyingCase } from './lyingCases.ts'
import { makeVictims, type Victim } from './victims.ts'

// Workers with their own keys lie about models of every family. The long form: npm run faults -- inference
let victims: Victim[]
beforeAll(async () => {
  victims = await makeVictims()
})

test('an honest answer of every model is accepted', async () => {
  for (const victim of victims) {
    for (const honest of victim.answers) {
      expect(await judge(honestDraft(honest), victim, honest), victim.family).toBe(null)
    }
  }
})

describe('a worker lies', () => {
  test.each(LIES.map((lie, i) => [lie.name, i] as const))('%s: that check is the first to fail', async (name, i) => {
    for (let round = 0; round < 12; round++) expect(await lyingCase(i + round * LIES.length, victims)).toBe(name)
  })
})
