import { type LocalAccount, parseTransaction, recoverTransactionAddress, type SignableMessage, toHex } from 'viem'
import { toAccount } from 'viem/accounts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'

type Hex = `0x${string}`

/**
 * An account whose key stays with a signer that speaks JSON-RPC: `eth_signTransaction`, `eth_signTypedData_v4`,
 * `eth_sign`. What it returns is taken only when it is the transaction that was asked for, signed by the address.
 *
 * @throws BAD_INPUT; UNREACHABLE, REFUSED when it signs
 */
export function remoteSigner(named: string): LocalAccount {
  const [, url, address] = /^(.*)#(0x[0-9a-fA-F]{40})$/.exec(named) ?? []
  if (url === undefined || address === undefined)
    throw new WarrantError('BAD_INPUT', 'a remote signer is named by its URL, # and its address')
  const { origin } = new URL(url)

  async function ask(method: string, params: unknown[]): Promise<Hex> {
    let body: { result?: unknown; error?: { message?: string } }
    try {
      const response = await fetch(url as string, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
        signal: AbortSignal.timeout(30_000),
      })
      body = (await response.json()) as typeof body
    } catch (cause) {
      throw new WarrantError('UNREACHABLE', `the signer at ${origin} does not answer: ${reasonOf(cause)}`, {
        cause,
        retry: 'safe',
      })
    }
    const { result } = body
    const raw = typeof result === 'object' && result !== null && 'raw' in result ? result.raw : result
    if (typeof raw !== 'string' || !/^0x[0-9a-f]+$/i.test(raw))
      throw new WarrantError(
        'REFUSED',
        `the signer at ${origin} refused ${method}: ${body.error?.message ?? 'no reason'}`,
      )
    return raw as Hex
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
      const made = parseTransaction(raw)
      for (const field of ['to', 'data', 'gas', 'nonce', 'chainId', 'maxFeePerGas', 'maxPriorityFeePerGas'] as const)
        if (String(made[field] ?? '').toLowerCase() !== String(transaction[field] ?? '').toLowerCase())
          throw new WarrantError('REFUSED', `the signer at ${origin} changed the field ${field} of the transaction`)
      if ((made.value ?? 0n) !== (transaction.value ?? 0n))
        throw new WarrantError('REFUSED', `the signer at ${origin} changed the value of the transaction`)
      const signer = await recoverTransactionAddress({ serializedTransaction: raw as `0x02${string}` })
      if (signer.toLowerCase() !== address.toLowerCase())
        throw new WarrantError('REFUSED', `the signer at ${origin} signed as ${signer}, not as ${address}`)
      return raw
    },
    signTypedData: typed =>
      ask('eth_signTypedData_v4', [
        address,
        JSON.stringify(typed, (_key, value) => (typeof value === 'bigint' ? String(value) : value)),
      ]),
    signMessage: ({ message }: { message: SignableMessage }) =>
      ask('eth_sign', [address, typeof message === 'string' ? toHex(message) : rawOf(message.raw)]),
  })
}

const rawOf = (raw: Hex | Uint8Array): Hex => (typeof raw === 'string' ? raw : toHex(raw))
