/**
 * What a compartment has beyond the language, made inside of it: its own text is evaluated there before the strategy, so
 * that nothing of it is the host's. It refers to nothing outside of itself.
 *
 * `Math` lacks what engines may round differently. `TextEncoder` and `TextDecoder` are those of the Encoding Standard for
 * UTF-8, without streams.
 */
export function prelude(): void {
  const exact = ['abs', 'ceil', 'clz32', 'floor', 'fround', 'imul', 'max', 'min', 'round', 'sign', 'sqrt', 'trunc']
  const math: Record<string, unknown> = {}
  for (const name of Object.getOwnPropertyNames(Math)) {
    const original = (Math as unknown as Record<string, unknown>)[name]
    math[name] =
      typeof original !== 'function' || exact.includes(name)
        ? original
        : () => {
            throw new TypeError(
              `Math.${name} may differ between engines, so a replay could diverge: use the SDK's exp, log, pow, tanh`,
            )
          }
  }

  /** Bytes of `text`, into `into` as far as whole characters fit: [characters read, bytes written]. */
  function encode(text: string, into: { [index: number]: number; length: number }): [number, number] {
    let [read, written] = [0, 0]
    for (const char of text) {
      let code = char.codePointAt(0) as number
      // A surrogate without its other half is no character.
      if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd
      const size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4
      if (written + size > into.length) break
      if (size === 1) into[written] = code
      else {
        for (let i = size - 1; i > 0; i--) {
          into[written + i] = 0x80 | (code & 0x3f)
          code >>= 6
        }
        into[written] = ([0, 0, 0xc0, 0xe0, 0xf0][size] as number) | code
      }
      written += size
      read += char.length
    }
    return [read, written]
  }

  class TextEncoder {
    get encoding(): string {
      return 'utf-8'
    }
    encode(text = ''): Uint8Array {
      const input = String(text)
      const room = new Uint8Array(3 * input.length)
      const [, written] = encode(input, room)
      return room.slice(0, written)
    }
    encodeInto(text: string, into: Uint8Array): { read: number; written: number } {
      if (!(into instanceof Uint8Array)) throw new TypeError('encodeInto needs a Uint8Array')
      const [read, written] = encode(String(text), into)
      return { read, written }
    }
  }

  function bytesOf(input: unknown): Uint8Array {
    if (input === undefined) return new Uint8Array(0)
    if (input instanceof ArrayBuffer) return new Uint8Array(input)
    if (ArrayBuffer.isView(input)) return new Uint8Array(input.buffer, input.byteOffset, input.byteLength)
    throw new TypeError('decode needs an ArrayBuffer or a view of one')
  }

  class TextDecoder {
    readonly fatal: boolean
    readonly ignoreBOM: boolean
    constructor(label = 'utf-8', { fatal = false, ignoreBOM = false } = {}) {
      if (!/^\s*(unicode-1-1-)?utf-?8\s*$/i.test(String(label)))
        throw new RangeError(`no decoder for ${String(label)}: only UTF-8`)
      this.fatal = Boolean(fatal)
      this.ignoreBOM = Boolean(ignoreBOM)
    }
    get encoding(): string {
      return 'utf-8'
    }
    decode(input?: unknown, { stream = false } = {}): string {
      if (stream) throw new TypeError('a stream is not decoded here: give all bytes at once')
      const bytes = bytesOf(input)
      const isMarked = !this.ignoreBOM && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf
      const parts: string[] = []
      let points: number[] = []
      for (let at = isMarked ? 3 : 0; at < bytes.length; ) {
        const lead = bytes[at++] as number
        const more = lead < 0x80 ? 0 : lead < 0xc2 ? -1 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : lead < 0xf5 ? 3 : -1
        let point = more <= 0 ? lead : lead & (0x3f >> more)
        let left = more
        // The second byte's bounds shut out surrogates, what is longer than it need be, and what lies past U+10FFFF.
        let low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
        let high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
        for (; left > 0; left--) {
          const next = bytes[at]
          if (next === undefined || next < low || next > high) break
          point = (point << 6) | (next & 0x3f)
          at++
          low = 0x80
          high = 0xbf
        }
        if (left !== 0) {
          if (this.fatal) throw new TypeError('the bytes are not UTF-8')
          point = 0xfffd
        }
        points.push(point)
        if (points.length === 4_096) {
          parts.push(String.fromCodePoint(...points))
          points = []
        }
      }
      parts.push(String.fromCodePoint(...points))
      return parts.join('')
    }
  }

  for (const [name, value] of Object.entries({ Math: math, TextEncoder, TextDecoder })) {
    Object.defineProperty(globalThis, name, { value, writable: true, enumerable: false, configurable: true })
  }
}
