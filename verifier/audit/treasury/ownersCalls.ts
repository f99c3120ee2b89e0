import { decodeFunctionData, hashTypedData, parseAbi } from 'viem'
import { NATIVE } from '#verifier/effects/adapters/adapter.ts'
import { decodeCall } from '#verifier/effects/decodeCall.ts'
import type { ChainPort } from '#verifier/evidence/ports/chain.ts'
import type { Call } from '#verifier/evidence/records/proposal.ts'
import type { Activity } from './events.ts'
import { EXEC_TRANSACTION } from './frames.ts'

type Hex = `0x${string}`

const SAFE = parseAbi([
  'function execTransaction(address to, uint256 value, bytes data, uint8 operation, uint256 safeTxGas, uint256 baseGas, uint256 gasPrice, address gasToken, address refundReceiver, bytes signatures)',
])
const MULTI_SEND = parseAbi(['function multiSend(bytes transactions)'])
const SAFE_TX = {
  SafeTx: [
    { name: 'to', type: 'address' },
    { name: 'value', type: 'uint256' },
    { name: 'data', type: 'bytes' },
    { name: 'operation', type: 'uint8' },
    { name: 'safeTxGas', type: 'uint256' },
    { name: 'baseGas', type: 'uint256' },
    { name: 'gasPrice', type: 'uint256' },
    { name: 'gasToken', type: 'address' },
    { name: 'refundReceiver', type: 'address' },
    { name: 'nonce', type: 'uint256' },
  ],
} as const
/** Selector of a Safe's nonce(). */
const NONCE = '0xaffed0e0'
/** How far back the nonce of a transaction is looked for below the Safe's own at that block. */
const MOST_NONCES = 64n

/**
 * What the owners signed to send out in a transaction that somebody else brought to the chain: their calls are found in its
 * input, and count only where the Safe's own event names their hash.
 *
 * @returns by token (0 for native coins), in base units; or why it cannot be told
 * @example await ownersOutflows(chain, safe, activity, input) // Map { '0xa0b8…' => 5000000n }
 */
export async function ownersOutflows(
  chain: ChainPort,
  safe: string,
  { owners, blockNumber }: Pick<Activity, 'owners' | 'blockNumber'>,
  input: string,
): Promise<Map<string, bigint> | string> {
  const candidates = candidatesIn(input)
  if (candidates.length === 0) return "the owners' call is not in its input"
  const chainId = await chain.chainId()
  const nonce = BigInt(await chain.read({ to: safe, data: NONCE }, blockNumber))
  const total = new Map<string, bigint>()
  const add = (token: string, amount: bigint) => total.set(token, (total.get(token) ?? 0n) + amount)
  for (const { topics, data } of owners) {
    // The hash is indexed since Safe 1.4, and stands in the data before.
    const [hash, payment] = topics.length > 1 ? [topics[1], data] : [data.slice(0, 66), `0x${data.slice(66)}`]
    const signed = candidates.find(candidate => isNamed(candidate, { chainId, safe, nonce, hash: hash as string }))
    if (signed === undefined) return "the owners' call in its input is not the one that the Safe executed"
    const calls = callsOf(signed)
    if (calls === null) return "the owners' call delegates to code that is not read"
    for (const call of calls) {
      add(NATIVE, BigInt(call.value))
      if (call.data === '0x') continue
      const decoded = decodeCall(call, null)
      if (decoded === null || decoded.outflows === 'approved')
        return `the owners' call of ${call.to} is not one that is read`
      for (const { token, amount } of decoded.outflows) add(token, amount)
    }
    add(signed.gasToken.toLowerCase(), BigInt(payment ?? 0))
  }
  return total
}

type Signed = NonNullable<ReturnType<typeof decodeAt>>

/** Wherever the selector stands in the input, at a whole byte. */
function candidatesIn(input: string): Signed[] {
  const found: Signed[] = []
  const selector = EXEC_TRANSACTION.slice(2)
  for (let at = input.indexOf(selector, 2); at >= 0; at = input.indexOf(selector, at + 1)) {
    const candidate = at % 2 === 0 ? decodeAt(`0x${input.slice(at)}`) : null
    if (candidate !== null) found.push(candidate)
  }
  return found
}

function decodeAt(data: Hex) {
  try {
    const { args } = decodeFunctionData({ abi: SAFE, data })
    const [to, value, inner, operation, safeTxGas, baseGas, gasPrice, gasToken, refundReceiver] = args
    return { to, value, data: inner, operation, safeTxGas, baseGas, gasPrice, gasToken, refundReceiver }
  } catch {
    return null
  }
}

function isNamed(
  signed: Signed,
  { chainId, safe, nonce, hash }: { chainId: number; safe: string; nonce: bigint; hash: string },
): boolean {
  const domain = { chainId, verifyingContract: safe as Hex }
  const least = nonce > MOST_NONCES ? nonce - MOST_NONCES : 0n
  for (let used = nonce; used >= least; used--) {
    const message = { ...signed, nonce: used }
    if (hashTypedData({ domain, types: SAFE_TX, primaryType: 'SafeTx', message }) === hash) return true
  }
  return false
}

/** The one call, or those of a MultiSend; null for other delegated code. */
function callsOf({ to, value, data, operation }: Signed): Call[] | null {
  if (operation === 0) return [{ to: to.toLowerCase(), value: String(value), data: data.toLowerCase() }]
  let packed: string
  try {
    packed = decodeFunctionData({ abi: MULTI_SEND, data }).args[0].slice(2)
  } catch {
    return null
  }
  const calls: Call[] = []
  // Each: operation (1 byte), to (20), value (32), length (32), data.
  for (let at = 0; at < packed.length; ) {
    if (packed.slice(at, at + 2) !== '00' || packed.length < at + 170) return null
    const size = 2 * Number(BigInt(`0x${packed.slice(at + 106, at + 170)}`))
    calls.push({
      to: `0x${packed.slice(at + 2, at + 42)}`.toLowerCase(),
      value: String(BigInt(`0x${packed.slice(at + 42, at + 106)}`)),
      data: `0x${packed.slice(at + 170, at + 170 + size)}`.toLowerCase(),
    })
    at += 170 + size
  }
  return calls
}
