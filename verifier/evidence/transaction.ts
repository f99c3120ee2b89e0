import { type Hex, parseTransaction, recoverTransactionAddress, serializeTransaction } from 'viem'
import { WarrantError } from './error.ts'
import { ORDER } from './secp256k1.ts'

/** A signed transaction of the one form that records hold: EIP-1559, without an access list. */
export type SignedTransaction = {
  chainId: number
  nonce: number
  to: Hex
  value: bigint
  data: Hex
  gas: bigint
  maxFeePerGas: bigint
  maxPriorityFeePerGas: bigint
  signed: { r: Hex; s: Hex; yParity: number }
}

/**
 * Reads a signed transaction. Every form but one is refused, and every encoding but the canonical one: two readers that
 * forgive different things would not read the same calls.
 *
 * @param raw lower-case hexadecimal
 * @throws EVIDENCE_MALFORMED saying what it is not
 * @example readTransaction(submission.body.rawTransaction).gas
 */
export function readTransaction(raw: string): SignedTransaction {
  const malformed = (reason: string, cause?: unknown) =>
    new WarrantError('EVIDENCE_MALFORMED', `the transaction ${reason}`, { cause })
  if (!raw.startsWith('0x02')) throw malformed('is not of type 2 (EIP-1559)')
  let parsed: ReturnType<typeof parseTransaction<`0x02${string}`>>
  let again: string
  try {
    parsed = parseTransaction(raw as `0x02${string}`)
    const { r, s, yParity } = parsed as { r?: Hex; s?: Hex; yParity?: number }
    if (r === undefined || s === undefined || yParity === undefined) throw malformed('is not signed')
    again = serializeTransaction(parsed, { r, s, yParity })
  } catch (cause) {
    throw malformed('cannot be read', cause)
  }
  if (again !== raw) throw malformed('is not in its canonical encoding')
  const { chainId, nonce = 0, to, value = 0n, data = '0x', gas = 0n, accessList = [] } = parsed
  const { maxFeePerGas = 0n, maxPriorityFeePerGas = 0n } = parsed
  const { r, s, yParity } = parsed as unknown as SignedTransaction['signed']
  if (to === null || to === undefined) throw malformed('goes to nobody')
  if (accessList.length > 0) throw malformed('has an access list')
  if (BigInt(s) > ORDER / 2n) throw malformed('has s in the upper half (EIP-2)')
  return {
    ...{ chainId, nonce, to: to.toLowerCase() as Hex, value, data, gas, maxFeePerGas, maxPriorityFeePerGas },
    signed: { r, s, yParity },
  }
}

/** The lower-case address whose key signed a transaction. @throws EVIDENCE_MALFORMED when no key did */
export async function senderOf(raw: string): Promise<string> {
  try {
    return (await recoverTransactionAddress({ serializedTransaction: raw as `0x02${string}` })).toLowerCase()
  } catch (cause) {
    throw new WarrantError('EVIDENCE_MALFORMED', 'the transaction is signed by no key', { cause })
  }
}
