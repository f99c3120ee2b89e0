import { expect, test } from 'vitest'
import { isWrittenRight, lowerAddresses } from './checksum.ts'

// From EIP-55 itself.
const RIGHT = '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed'
const LOWER = RIGHT.toLowerCase()
const WRONG = RIGHT.replace('5aA', '5AA')

test('an address is in lower case or has its checksum', () => {
  expect([RIGHT, LOWER, WRONG, RIGHT.toUpperCase(), '0x12'].map(isWrittenRight)).toEqual([
    true,
    true,
    false,
    false,
    false,
  ])
})

test('a document has its addresses in lower case, wherever they stand, and all else as it is', () => {
  const document = { a: RIGHT, b: [LOWER, { c: RIGHT }], d: null, e: 5, f: `${RIGHT}ff`, g: 'Text', h: true }
  expect(lowerAddresses(document, 'p.yaml')).toEqual({ ...document, a: LOWER, b: [LOWER, { c: LOWER }] })
  expect(() => lowerAddresses({ a: [{ b: WRONG }] }, 'p.yaml')).toThrow(
    `p.yaml: a.0.b: ${WRONG} has a wrong checksum (EIP-55): a digit of it is wrong, or its case; as it stands it would be ${RIGHT}`,
  )
  const upper = `0x${RIGHT.slice(2).toUpperCase()}`
  expect(() => lowerAddresses(upper, 'p.yaml')).toThrow(`as it stands it would be ${RIGHT}`)
})
