import type { Reading } from './reading.ts'

/** Selector of ERC-1271's isValidSignature(bytes32,bytes), which is also what it answers. */
const IS_VALID = '1626ba7e'

/** A contract's signature as the module takes it: its address, and the bytes that it judges itself. More than 65 bytes. */
export function contractOf(signature: string): { contract: string; bytes: string } | null {
  if (!/^0x([0-9a-f]{2}){66,}$/.test(signature)) return null
  return { contract: signature.slice(0, 42), bytes: signature.slice(42) }
}

/** Whether a contract says, at a block, that these bytes are its signature of a hash (ERC-1271). */
export function* contractSigned(signature: string, hash: string): Reading<boolean> {
  const parts = contractOf(signature)
  if (parts === null) return false
  const word = (value: number) => value.toString(16).padStart(64, '0')
  const { contract, bytes } = parts
  const padded = bytes.padEnd(Math.ceil(bytes.length / 64) * 64, '0')
  const data = `0x${IS_VALID}${hash.slice(2)}${word(64)}${word(bytes.length / 2)}${padded}`
  const [answer] = yield [{ to: contract, data }]
  return answer !== undefined && 'result' in answer && answer.result === `0x${IS_VALID.padEnd(64, '0')}`
}
