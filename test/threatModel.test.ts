import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { CONTRACT_ATTACKS } from './attack/chain/attacks/index.ts'
import { VERIFIER_ATTACKS } from './attack/chain/verifierAttacks.ts'

// The threat model says nothing that no test shows: each title that it quotes is a test's, each attack on the chain is quoted.
const ROOT = resolve(import.meta.dirname, '..')
const page = readFileSync(join(ROOT, 'verifier/contracts/README.md'), 'utf8')
const section = page.slice(page.indexOf('## Who can do what'), page.indexOf('What the owners signed is theirs'))
const rows = section
  .split('\n')
  .filter(line => line.startsWith('| '))
  .slice(2)
  .map(line => line.slice(2, -2).split(' | '))
const titlesIn = (cell: string | undefined) =>
  [...(cell ?? '').matchAll(/"([^"]+)"/g)].map(([, title]) => title as string)

/** Every text that a test, or a list of attacks, is made of. */
function textsOfTests(): Set<string> {
  const files = ['agents', 'strategies', 'verifier', 'runtime', 'config', 'test'].flatMap(dir =>
    readdirSync(join(ROOT, dir), { recursive: true, encoding: 'utf8' })
      .filter(file => (dir === 'test' ? file.endsWith('.ts') : file.endsWith('.test.ts')))
      .map(file => join(ROOT, dir, file)),
  )
  const texts = new Set<string>()
  for (const file of files) {
    if (file === import.meta.filename) continue
    for (const [, , text] of readFileSync(file, 'utf8').matchAll(/(['"`])((?:\\.|(?!\1)[^\\\n])*)\1/g))
      texts.add((text as string).replaceAll(/\\(['"`])/g, '$1'))
  }
  return texts
}
const attacks = [...CONTRACT_ATTACKS, ...VERIFIER_ATTACKS].map(({ name }) => name)

test('each row of the threat model has what its holder can do at worst, what is assumed, and tests', () => {
  expect(rows.length).toBeGreaterThan(15)
  for (const row of rows) {
    expect(row, row[0]).toHaveLength(4)
    for (const cell of row) expect(cell.trim().length, row[0]).toBeGreaterThan(0)
    expect(titlesIn(row[3]).length, row[0]).toBeGreaterThan(0)
  }
})

test('each title that it quotes is a test’s', () => {
  const known = new Set([...textsOfTests(), ...attacks])
  expect(rows.flatMap(row => titlesIn(row[3])).filter(title => !known.has(title))).toEqual([])
})

test('each attack on contracts and verifiers is quoted', () => {
  const quoted = new Set(rows.flatMap(row => titlesIn(row[3])))
  expect(attacks.filter(name => !quoted.has(name))).toEqual([])
})
