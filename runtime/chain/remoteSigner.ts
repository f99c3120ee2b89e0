import {
  getTypesForEIP712Domain,
  hashMessage,
  hashTypedData,
  type LocalAccount,
  parseTransaction,
  recoverAddress,
  recoverTransactionAddress,
  type SignableMessage,
  type TypedDataDefinition,
  toHex,
} from 'viem'
import { toAccount } from 'viem/accounts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import { normaliseSignature } from '#verifier/evidence/secp256k1.ts'
import { keepUrlSecret } from '#verifier/evidence/text/redact.ts'
import { showText } from '#verifier/evidence/text/showText.ts'

type Hex = `0x${string}`

/**
 * An account whose key stays with a signer that speaks JSON-RPC: `eth_signTransaction`, `eth_signTypedData_v4`,
 * `eth_sign`. What it returns is taken only when it is the transaction that was asked for, or a signature that the module
 * takes, and the address made it.
 *
 * @throws BAD_INPUT; UNREACHABLE, REFUSED when it signs
 */
export function remoteSigner(named: string): LocalAccount {
  const [, url, address] = /^(.*)#(0x[0-9a-fA-F]{40})$/.exec(named) ?? []
  if (url === undefined || address === undefined || !URL.canParse(url))
    throw new WarrantError('BAD_INPUT', 'a remote signer is named by its URL, # and its address')
  keepUrlSecret(url)
  const { origin } = new URL(url)
  const refuse = (what: string) => new WarrantError('REFUSED', `the signer at ${origin} ${what}`)

  async function ask(method: string, params: unknown[]): Promise<Hex> {
    let body: { result?: unknown; error?: { message?: unknown } }
    try {
      const response = await fetch(url as string, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
        signal: AbortSignal.timeout(30_000),
      })
      body = ((await response.json()) ?? {}) as typeof body
    } catch (cause) {
      // A body that is no JSON is quoted by who reads it, and it is the signer's.
      const reason = cause instanceof SyntaxError ? 'its answer is no JSON' : reasonOf(cause)
      throw new WarrantError('UNREACHABLE', `the signer at ${origin} does not answer: ${reason}`, { retry: 'safe' })
    }
    const { result } = body
    const raw = typeof result === 'object' && result !== null && 'raw' in result ? result.raw : result
    if (typeof raw !== 'string' || !/^0x[0-9a-f]+$/i.test(raw))
      throw refuse(`refused ${method}: ${showText(String(body.error?.message ?? 'no reason'))}`)
    return raw as Hex
  }

  /** A signature over a hash, as the module takes it, by this address. */
  async function signature(hash: Hex, method: string, params: unknown[]): Promise<Hex> {
    const given = await ask(method, params)
    let made: Hex
    try {
      made = normaliseSignature(given)
    } catch (error) {
      throw refuse(`answered ${method} with what ${reasonOf(error)}`)
    }
    const signer = await recoverAddress({ hash, signature: made }).catch(() => 'nobody')
    if (signer.toLowerCase() !== (address as Hex).toLowerCase())
      throw refuse(`signed as ${signer}, not as ${address}, or signed something else`)
    return made
  }

  return toAccount({
    address: address as Hex,
    async signTransaction(transaction) {
      const number = (value: bigint | number | undefined) => (value === undefined ? undefined : toHex(value))
      const raw = await ask('eth_signTransaction', [
        {
          from: address,
          to: transaction.to,
          data: transaction.data,
          value: number(transaction.value ?? 0n),
          gas: number(transaction.gas),
          nonce: number(transaction.nonce),
          chainId: number(transaction.chainId),
          type: '0x2',
          maxFeePerGas: number(transaction.maxFeePerGas),
          maxPriorityFeePerGas: number(transaction.maxPriorityFeePerGas),
        },
      ])
      const made = parsed(raw)
      if (made === null) throw refuse('answered eth_signTransaction with what is no transaction')
      for (const field of ['to', 'data', 'gas', 'nonce', 'chainId', 'maxFeePerGas', 'maxPriorityFeePerGas'] as const)
        if (String(made[field] ?? '').toLowerCase() !== String(transaction[field] ?? '').toLowerCase())
          throw refuse(`changed the field ${field} of the transaction`)
      if ((made.value ?? 0n) !== (transaction.value ?? 0n)) throw refuse('changed the value of the transaction')
      const signer = await recoverTransactionAddress({ serializedTransaction: raw as `0x02${string}` }).catch(
        () => 'nobody',
      )
      if (signer.toLowerCase() !== address.toLowerCase()) throw refuse(`signed as ${signer}, not as ${address}`)
      return raw
    },
    signTypedData(typed) {
      const definition = typed as unknown as TypedDataDefinition
      // A wallet hashes the types that it is sent: without the domain's it hashes another domain.
      const types = { EIP712Domain: getTypesForEIP712Domain({ domain: definition.domain }), ...definition.types }
      return signature(hashTypedData(definition), 'eth_signTypedData_v4', [
        address,
        JSON.stringify({ ...definition, types }, (_key, value) => (typeof value === 'bigint' ? String(value) : value)),
      ])
    },
    signMessage: ({ message }: { message: SignableMessage }) =>
      signature(hashMessage(message), 'eth_sign', [
        address,
        typeof message === 'string' ? toHex(message) : rawOf(message.raw),
      ]),
  })
}

const rawOf = (raw: Hex | Uint8Array): Hex => (typeof raw === 'string' ? raw : toHex(raw))

function parsed(raw: Hex) {
  try {
    return parseTransaction(raw)
  } catch {
    return null
  }
}
