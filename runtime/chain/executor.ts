import {
  createPublicClient,
  encodeFunctionData,
  http,
  keccak256,
  type LocalAccount,
  type PublicClient,
  TransactionReceiptNotFoundError,
} from 'viem'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { Appended, Appender } from '#verifier/evidence/ports/log.ts'
import type { Proposal } from '#verifier/evidence/records/proposal.ts'
import type { Verdict } from '#verifier/evidence/records/verdict.ts'
import { verdictMessage } from '#verifier/evidence/verdictTypes.ts'
import { MODULE_ABI } from './abi.ts'

type Hex = `0x${string}`

export type SubmitParameters = {
  proposal: { leafHash: string; body: Proposal }
  verdicts: readonly { leafHash: string; body: Verdict }[]
  approvals?: readonly { signer: string; signature: string }[]
}

/** Brings approved proposals on chain, each signed transaction on record before it is broadcast. */
export type Executor = {
  readonly address: string
  /** Resolves when the transaction is mined, whatever its status. @throws CHAIN_FAILED with retry `unknown` once it may have been sent */
  submit(
    parameters: SubmitParameters,
  ): Promise<{ submission: Appended; transactionHash: string; status: 'success' | 'reverted' }>
}

/** Replacements of one transaction at most: fees grow by an eighth each time. */
const MOST_BUMPS = 10

/** Gas of one batch at most. */
const GAS_LIMIT = 1_500_000n

/** An executor over an account and an RPC. The account MUST be used by nothing else. */
export async function createExecutor({
  account,
  url,
  log,
  stuckMs = 60_000,
}: {
  account: LocalAccount
  url: string
  log: Appender
  /** After that a transaction counts as stuck, and is replaced by the same calls with higher fees. */
  stuckMs?: number
}): Promise<Executor> {
  const client = createPublicClient({ transport: http(url), cacheTime: 0 })
  const chainId = await client.getChainId()
  let nonce = await client.getTransactionCount({ address: account.address, blockTag: 'pending' })

  return {
    address: account.address.toLowerCase(),
    async submit({ proposal, verdicts, approvals = [] }) {
      const data = executeCalldata(
        proposal.body,
        verdicts.map(v => v.body),
        approvals,
      )
      const verdictLeaves = verdicts.map(v => v.leafHash)
      const sent: { submission: Appended; hash: Hex }[] = []
      let fees = await feesNow(null)
      /** Signs, logs, and only then broadcasts: the same calls under the same nonce each time. */
      async function send(): Promise<void> {
        const rawTransaction = await account.signTransaction({
          type: 'eip1559',
          ...{ chainId, nonce, to: proposal.body.module as Hex, data, gas: GAS_LIMIT, ...fees },
        })
        const hash = keccak256(rawTransaction)
        const replaces = sent.at(-1)?.submission.leafHash
        const body = {
          ...{ proposal: proposal.leafHash, verdicts: verdictLeaves, from: account.address.toLowerCase() },
          ...{ accountNonce: nonce, transactionHash: hash, rawTransaction },
          ...(replaces === undefined ? {} : { replaces }),
        }
        const parents = [proposal.leafHash, ...verdictLeaves, ...(replaces === undefined ? [] : [replaces])]
        const submission = log.append('submission', body, parents)
        await submission.durable
        sent.push({ submission, hash })
        await client.sendRawTransaction({ serializedTransaction: rawTransaction })
      }
      const [balance, most] = [await client.getBalance({ address: account.address }), GAS_LIMIT * fees.maxFeePerGas]
      if (balance < most)
        throw new WarrantError(
          'REFUSED',
          `the executor ${account.address} has ${balance} wei, the transaction may cost ${most}: top it up`,
        )
      try {
        await send()
        for (;;) {
          const mined = await oneMined(client, sent, stuckMs)
          if (mined !== null) {
            nonce++
            return mined
          }
          if (sent.length > MOST_BUMPS)
            throw new WarrantError('CHAIN_FAILED', `not mined after ${MOST_BUMPS} fee bumps`, { retry: 'unknown' })
          fees = await feesNow(fees)
          await send().catch(async error => {
            // The one before may have been mined meanwhile: then the node has no use for another.
            if ((await oneMined(client, sent, 0)) === null) throw error
          })
        }
      } catch (cause) {
        const [first] = sent
        if (first === undefined) throw cause
        nonce++
        throw new WarrantError('CHAIN_FAILED', `transaction ${first.hash} may have been sent: ${reasonOf(cause)}`, {
          cause,
          retry: 'unknown',
        })
      }
    },
  }

  /** What the chain asks now, and in any case an eighth more than before: less is no replacement for a node. */
  async function feesNow(before: Fees | null): Promise<Fees> {
    const { maxFeePerGas, maxPriorityFeePerGas } = await client.estimateFeesPerGas()
    const most = (now: bigint, old: bigint) => (now > old + old / 8n + 1n ? now : old + old / 8n + 1n)
    const now = { maxFeePerGas: maxFeePerGas * 2n, maxPriorityFeePerGas }
    if (before === null) return now
    return {
      maxFeePerGas: most(now.maxFeePerGas, before.maxFeePerGas),
      maxPriorityFeePerGas: most(now.maxPriorityFeePerGas, before.maxPriorityFeePerGas),
    }
  }
}

type Fees = { maxFeePerGas: bigint; maxPriorityFeePerGas: bigint }

/** Whichever of the transactions of one nonce is mined within `withinMs`, or null. */
async function oneMined(
  client: Pick<PublicClient, 'getTransactionReceipt'>,
  sent: readonly { submission: Appended; hash: Hex }[],
  withinMs: number,
): Promise<{ submission: Appended; transactionHash: string; status: 'success' | 'reverted' } | null> {
  const until = Date.now() + withinMs
  for (let wait = 3; ; wait = Math.min(wait * 1.5, 1_000)) {
    for (const { submission, hash } of sent) {
      const receipt = await client.getTransactionReceipt({ hash }).catch((error: unknown) => {
        if (error instanceof TransactionReceiptNotFoundError) return null
        throw error
      })
      if (receipt !== null) return { submission, transactionHash: hash, status: receipt.status }
    }
    if (Date.now() > until) return null
    await new Promise(resolve => setTimeout(resolve, wait))
  }
}

/** Calldata of WarrantModule.execute for a proposal and the verdicts that approve it; signatures ascend by signer. */
export function executeCalldata(
  proposal: Proposal,
  verdicts: readonly Verdict[],
  approvals: readonly { signer: string; signature: string }[] = [],
): Hex {
  const [first] = verdicts
  if (first === undefined) throw new WarrantError('REFUSED', 'no verdict, no transaction')
  const { proposalDigest, refBlock, refBlockHash } = first
  const signatures = [...verdicts]
    .sort((a, b) => (a.signer < b.signer ? -1 : 1))
    .flatMap(v => (v.signature === null ? [] : [v.signature as Hex]))
  const approvalSignatures = [...approvals].sort((a, b) => (a.signer < b.signer ? -1 : 1)).map(a => a.signature as Hex)
  return encodeFunctionData({
    abi: MODULE_ABI,
    functionName: 'execute',
    args: [verdictMessage({ proposal, proposalDigest, refBlock, refBlockHash }), signatures, approvalSignatures],
  })
}
