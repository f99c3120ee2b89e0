import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { prelude } from './prelude.ts'

/** The prelude's own classes, in globals of their own. */
const made = runInNewContext(`(${prelude})(); ({ TextEncoder, TextDecoder, Math })`, { Uint8Array, ArrayBuffer }) as {
  TextEncoder: typeof TextEncoder
  TextDecoder: typeof TextDecoder
  Math: Math
}
const decoded = (Decoder: typeof TextDecoder, bytes: Uint8Array, options: object) => {
  try {
    return new Decoder('utf-8', options).decode(bytes)
  } catch {
    return null
  }
}

describe('UTF-8 of the sandbox', () => {
  test('any text encodes as the platform does, lone surrogates included', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(40), (text, size) => {
        expect([...new made.TextEncoder().encode(text)]).toEqual([...new TextEncoder().encode(text)])
        expect(new made.TextEncoder().encode(text.slice(1)).length).toBe(new TextEncoder().encode(text.slice(1)).length)
        const [mine, platform] = [new Uint8Array(size), new Uint8Array(size)]
        const into = (bytes: Uint8Array, Encoder: typeof TextEncoder) => ({ ...new Encoder().encodeInto(text, bytes) })
        expect(into(mine, made.TextEncoder)).toEqual(into(platform, TextEncoder))
        expect(mine).toEqual(platform)
      }),
    )
  })

  test('any bytes decode as the platform does, fatal or not, marked or not', () => {
    const nearlyUtf8 = fc.oneof(
      fc.uint8Array({ maxLength: 12 }),
      fc
        .array(
          fc.constantFrom(0xe0, 0xed, 0xf0, 0xf4, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc1, 0xc2, 0xef, 0xbb, 0x41),
          { maxLength: 12 },
        )
        .map(bytes => Uint8Array.from(bytes)),
      fc.string({ unit: 'binary' }).map(text => new TextEncoder().encode(text)),
    )
    fc.assert(
      fc.property(nearlyUtf8, fc.boolean(), fc.boolean(), (bytes, fatal, ignoreBOM) => {
        const options = { fatal, ignoreBOM }
        expect(decoded(made.TextDecoder, bytes, options)).toBe(decoded(TextDecoder, bytes, options))
      }),
      { numRuns: 2_000 },
    )
  })

  test('maths that engines may round differently is refused', () => {
    expect(() => made.Math.exp(1)).toThrow("use the SDK's exp")
    expect([made.Math.sqrt(2), made.Math.PI, made.Math.max(1, 2)]).toEqual([Math.SQRT2, Math.PI, 2])
  })
})
