/** ABI arguments read strictly: exact length, no dirty bits. Null wherever the encoding is not the canonical one. */
export type Words = {
  address(index: number): string | null
  uint(index: number, bits?: number): bigint | null
  int(index: number, bits: number): bigint | null
}

/** The words after the selector when there are exactly `count`. */
export function wordsOf(data: string, count: number): Words | null {
  if (data.length !== 2 + 8 + 64 * count) return null
  const word = (index: number) => data.slice(10 + 64 * index, 10 + 64 * (index + 1))
  const uint = (index: number, bits = 256) => {
    const value = BigInt(`0x${word(index)}`)
    return value < 1n << BigInt(bits) ? value : null
  }
  return {
    address: index => (/^0{24}/.test(word(index)) ? `0x${word(index).slice(24)}` : null),
    uint,
    int(index, bits) {
      const value = BigInt.asIntN(256, BigInt(`0x${word(index)}`))
      return value === BigInt.asIntN(bits, value) ? value : null
    },
  }
}
