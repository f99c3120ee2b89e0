import { getAddress, isAddress } from 'viem'
import { WarrantError } from '#verifier/evidence/error.ts'

const ADDRESS = /^0x[0-9a-fA-F]{40}$/

/** Whether an address is written in lower case, or with its checksum (EIP-55), which a wrong digit breaks. */
export function isWrittenRight(address: string): boolean {
  return isAddress(address, { strict: true })
}

/**
 * A parsed document with every checksummed address in it in lower case, as records and digests have them.
 *
 * @throws BAD_CONFIG naming the field of an address whose checksum is wrong
 */
export function lowerAddresses(value: unknown, where: string, path: readonly string[] = []): unknown {
  if (typeof value === 'string') {
    if (!ADDRESS.test(value) || value === value.toLowerCase()) return value
    if (isWrittenRight(value)) return value.toLowerCase()
    throw new WarrantError(
      'BAD_CONFIG',
      `${where}: ${path.join('.')}: ${value} has a wrong checksum (EIP-55): a digit of it is wrong, or its case; as it stands it would be ${getAddress(value.toLowerCase())}`,
    )
  }
  if (Array.isArray(value)) return value.map((item, i) => lowerAddresses(item, where, [...path, String(i)]))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, lowerAddresses(item, where, [...path, key])]),
  )
}
