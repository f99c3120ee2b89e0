import { expect, test } from 'vitest'
import { differentialCase } from './differential.ts'

/** A second or two of what `npm run faults -- models --seconds 3600` runs for an hour. */
const CASES = 400

test('random graphs with odd constants are refused, or give the same bits on every engine', async () => {
  const held = { refused: 0, equal: 0 }
  for (let seed = 1; seed <= CASES; seed++) held[await differentialCase(seed)]++
  // A generator whose graphs are all refused would prove nothing.
  expect(held.equal).toBeGreaterThan(CASES / 10)
})
