// What a bare realm lacks of the standard globals that SES permits: UTF-8. The host does the work on the realm's own arrays;
// none of its objects stays reachable.

/** What the host lends. */
export type HostCodec = {
  encodeInto(text: string, into: Uint8Array): number
  decode(bytes: Uint8Array, fatal: boolean, ignoreBOM: boolean): string
}

const lent = globalThis as unknown as { hostCodec?: HostCodec }
const { encodeInto, decode } = lent.hostCodec as HostCodec
delete lent.hostCodec

class TextEncoder {
  get encoding(): string {
    return 'utf-8'
  }
  encode(text = ''): Uint8Array {
    const input = String(text)
    const room = new Uint8Array(3 * input.length)
    return room.slice(0, encodeInto(input, room))
  }
}

class TextDecoder {
  readonly fatal: boolean
  readonly ignoreBOM: boolean
  constructor(label = 'utf-8', { fatal = false, ignoreBOM = false } = {}) {
    if (!/^utf-?8$/i.test(label)) throw new RangeError(`no decoder for ${label}: only UTF-8`)
    this.fatal = fatal === true
    this.ignoreBOM = ignoreBOM === true
  }
  get encoding(): string {
    return 'utf-8'
  }
  decode(bytes: Uint8Array = new Uint8Array(0)): string {
    try {
      return decode(bytes, this.fatal, this.ignoreBOM)
    } catch {
      throw new TypeError('the bytes are not UTF-8')
    }
  }
}

Object.assign(globalThis, { TextEncoder, TextDecoder })
