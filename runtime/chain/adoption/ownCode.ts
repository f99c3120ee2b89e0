import type { Hex } from 'viem'
import { ownArtifact } from '../artifacts.ts'

/**
 * Why code is not that of one of this project's contracts, or null. Every byte is compared but those that the constructor
 * fills in, and each value that it fills in must be the same in all its places: so the getters can be asked for it.
 */
export function ownCodeFault(name: string, code: Hex | undefined): string | null {
  if (code === undefined || code === '0x') return 'there is no contract'
  const { deployedBytecode, immutables } = ownArtifact(name)
  if (code.length !== deployedBytecode.length) return `is not the ${name} of this version`
  const [actual, expected] = [code, deployedBytecode].map(text => Buffer.from(text.slice(2), 'hex')) as [Buffer, Buffer]
  const values = new Map<string, string>()
  for (const { start, length, id } of immutables) {
    const value = actual.subarray(start, start + length).toString('hex')
    if ((values.get(id) ?? value) !== value) return `is not the ${name} of this version: one of its values differs`
    values.set(id, value)
    actual.fill(0, start, start + length)
    expected.fill(0, start, start + length)
  }
  return actual.equals(expected) ? null : `is not the ${name} of this version`
}
