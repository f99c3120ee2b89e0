import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromBase64, fromHex, toBase64, toHex, utf8 } from './bytes.ts'
import { canonicalize, parseCanonical } from './canonical.ts'

const json = fc.letrec<{ value: unknown }>(tie => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger().map(n => (Object.is(n, -0) ? 0 : n)),
    fc.string({ unit: 'grapheme' }),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(fc.string({ unit: 'grapheme' }), tie('value'), { maxKeys: 5 }),
  ),
})).value

describe('canonical JSON (RFC 8785, restricted)', () => {
  test('what is encoded is what is parsed, whatever the order of keys', () => {
    fc.assert(
      fc.property(json, value => {
        const bytes = utf8(canonicalize(value))
        expect(canonicalize(parseCanonical(bytes))).toBe(canonicalize(value))
      }),
    )
  })

  test('keys sort by UTF-16 code units, as the RFC example does', () => {
    const value = { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\ud83d\ude00': 5, '\u0080': 6, '\u00f6': 7 }
    expect(canonicalize(value)).toBe('{"\\r":2,"1":4,"\u0080":6,"ö":7,"€":1,"😀":5,"\ufb33":3}')
  })

  test.each([
    ['white space', '{"a": 1}'],
    ['unsorted keys', '{"b":1,"a":2}'],
    ['duplicate keys', '{"a":1,"a":1}'],
    ['a float', '{"a":1.5}'],
    ['an exponent', '{"a":1e2}'],
    ['minus zero', '{"a":-0}'],
    ['an unsafe integer', '{"a":9007199254740993}'],
    ['a needless escape', '{"a":"\\u0041"}'],
    ['a lone surrogate', '{"a":"\\ud800"}'],
    ['a byte order mark', '\ufeff{"a":1}'],
    ['trailing bytes', '{"a":1}\n'],
    ['no JSON', '{a:1}'],
  ])('refuses %s', (_what, text) => {
    expect(() => parseCanonical(utf8(text))).toThrow(/canonical|JSON/)
  })

  test('refuses bytes that are not UTF-8, and endless nesting', () => {
    expect(() => parseCanonical(Uint8Array.of(0x22, 0xff, 0x22))).toThrow('UTF-8')
    expect(() => canonicalize(JSON.parse('['.repeat(100) + ']'.repeat(100)))).toThrow('nested deeper')
  })
})

describe('byte encodings', () => {
  test('base64 agrees with Node, and has one form per byte string', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), bytes => {
        expect(toBase64(bytes)).toBe(Buffer.from(bytes).toString('base64'))
        expect(fromBase64(toBase64(bytes))).toEqual(bytes)
        expect(fromHex(toHex(bytes))).toEqual(bytes)
      }),
    )
  })
  test.each(['QUI', 'QUJ=', 'QUI=\n', 'QU=I', 'QUI-', '====', 'QR=='])('refuses base64 %j', text => {
    expect(() => fromBase64(text)).toThrow('base64')
  })
})
