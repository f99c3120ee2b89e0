import { describe, expect, test } from 'vitest'
import { canonicalBytes } from './canonical.ts'
import { decodeRecord, encodeRecord, type RecordOf } from './record.ts'

const close: RecordOf<'close'> = {
  v: 3,
  kind: 'close',
  runId: 'ab'.repeat(16),
  seq: 0,
  atMs: 1,
  parents: [],
  body: { reason: 'done', decisions: 0, requests: 0 },
}

describe('records', () => {
  test('a record comes back as it was', () => {
    expect(decodeRecord(encodeRecord(close))).toEqual(close)
  })
  test.each([
    ['an unknown field', { ...close, note: 'x' }, 'Unrecognized'],
    ['an unknown field in the body', { ...close, body: { ...close.body, bypass: true } }, 'Unrecognized'],
    ['an unknown kind', { ...close, kind: 'bypass' }, 'unknown record kind'],
    ['an inherited name as kind', { ...close, kind: 'constructor' }, 'unknown record kind'],
    ['another version', { ...close, v: 2 }, 'v:'],
    ['a missing field', { ...close, seq: undefined }, 'seq'],
    ['a negative count', { ...close, seq: -1 }, 'seq'],
    ['a wrong parent', { ...close, parents: ['AB'.repeat(32)] }, 'parents.0'],
  ])('refuses %s', (_what, value, reason) => {
    expect(() => decodeRecord(canonicalBytes(value))).toThrow(reason)
  })
  test('refuses an entry that the tile format cannot hold', () => {
    const incident = {
      ...close,
      kind: 'incident' as const,
      body: { what: 'x', caughtBy: 'y', reason: 'z', evidence: 'e'.repeat(66_000) },
    }
    expect(() => encodeRecord(incident)).toThrow('65535')
  })
})
