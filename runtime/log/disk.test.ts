import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeDirectory, writeDurably } from './disk.ts'

const root = mkdtempSync(join(tmpdir(), 'warrant-disk-'))
const before = process.cwd()
beforeAll(() => process.chdir(root))
afterAll(() => {
  process.chdir(before)
  rmSync(root, { recursive: true })
})

test.each(['a', 'bc', 'd/e/f', './g', join(root, 'h/i'), 'a'])('makes %s, relative or absolute, new or not', path => {
  makeDirectory(path)
  expect(existsSync(path)).toBe(true)
})

test('writes a whole file or none, and leaves no temporary one', () => {
  writeDurably('x/y', new Uint8Array([1, 2, 3]))
  expect([...readFileSync('x/y')]).toEqual([1, 2, 3])
  writeDurably('x/y', new Uint8Array([4]))
  expect([...readFileSync('x/y')]).toEqual([4])
  expect(existsSync('x/y.tmp')).toBe(false)
})
