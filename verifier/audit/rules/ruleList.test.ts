import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { RULES } from './ruleList.ts'

test('docs/evidence.md says the same rules, in the same order', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/evidence.md'), 'utf8')
  const said = [...page.matchAll(/^- (R\d+)\. (.*)$/gm)].map(([, number, sentence]) => [number, sentence])
  expect(said).toEqual(Object.entries(RULES))
})
