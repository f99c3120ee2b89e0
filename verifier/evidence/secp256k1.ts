import { WarrantError } from './error.ts'

type Hex = `0x${string}`

/** Order of the group: a key is a number from 1 to one less. */
export const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n

/**
 * A secp256k1 key from text: 0x and 64 hexadecimal digits. What is no key is refused before any library sees it: theirs
 * say what they were given. @throws BAD_INPUT, never with a digit of it
 */
export function parseSecp256k1Key(where: string, text: string): Hex {
  if (!/^0x[0-9a-f]{64}$/i.test(text))
    throw new WarrantError('BAD_INPUT', `${where}: expected a secp256k1 key as 0x and 64 hex digits`)
  const key = BigInt(text)
  if (key === 0n || key >= ORDER)
    throw new WarrantError('BAD_INPUT', `${where}: is no secp256k1 key: the number is not in the range of keys`)
  return text.toLowerCase() as Hex
}

/**
 * A signature as the module takes it, r ‖ s ‖ v: 65 bytes, v 27 or 28 (0 and 1, as some signers write it, become these), s
 * in the lower half. @throws BAD_INPUT saying which of it does not hold
 */
export function normaliseSignature(text: string): Hex {
  if (!/^0x([0-9a-f]{2})*$/i.test(text))
    throw new WarrantError('BAD_INPUT', 'is no signature: not bytes in hexadecimal')
  const bytes = text.length / 2 - 1
  if (bytes !== 65) throw new WarrantError('BAD_INPUT', `is no signature: it has ${bytes} bytes, a signature 65`)
  const lower = text.toLowerCase()
  const v = Number.parseInt(lower.slice(130), 16)
  const full = v < 2 ? v + 27 : v
  if (full !== 27 && full !== 28)
    throw new WarrantError('BAD_INPUT', `is no signature that the module takes: v is ${v}, it must be 27 or 28`)
  const [r, s] = [BigInt(lower.slice(0, 66)), BigInt(`0x${lower.slice(66, 130)}`)]
  if (r === 0n || r >= ORDER || s === 0n || s >= ORDER)
    throw new WarrantError('BAD_INPUT', 'is no signature: r or s is out of range')
  if (s > ORDER / 2n)
    throw new WarrantError('BAD_INPUT', 'is no signature that the module takes: s is in the upper half (EIP-2)')
  return `${lower.slice(0, 130)}${full.toString(16)}` as Hex
}

/** Whether a signature is one already as normaliseSignature gives it: anything else would revert on chain. */
export function isStrictSignature(signature: string): boolean {
  try {
    return normaliseSignature(signature) === signature
  } catch {
    return false
  }
}

/** Refuses a key where the name of one is asked for: it would be told as a file that is missing. @throws BAD_INPUT */
export function refuseKeyAsName(named: string): void {
  if (/(^|[^0-9a-z])(0x)?[0-9a-f]{64}$/i.test(named))
    throw new WarrantError(
      'BAD_INPUT',
      'a key stands where a file, env:NAME or a signer is to be named: put it in a file',
    )
}
