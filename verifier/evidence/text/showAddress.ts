import { getAddress } from 'viem'
import { showText } from './showText.ts'

/** Names that somebody trusted gives to addresses, by lower-case address. */
export type Names = ReadonlyMap<string, string>

/** An address with its checksum (EIP-55), and what it is called where that is known. */
export function showAddress(address: string, names?: Names): string {
  const name = names?.get(address.toLowerCase())
  const shown = /^0x[0-9a-fA-F]{40}$/.test(address) ? getAddress(address) : showText(address)
  return name === undefined ? shown : `${shown} (${showText(name, 60)})`
}
