import { createPublicClient, encodeFunctionData, http, keccak256, type LocalAccount } from 'viem'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { Appended, Appender } from '#verifier/evidence/ports/log.ts'
import type { Proposal } from '#verifier/evidence/records/proposal.ts'
import type { Verdict } from '#verifier/evidence/records/verdict.ts'
import { verdictMessage } from '#verifier/evidence/verdictTypes.ts'
import { MODULE_ABI } from './abi.ts'
import { waitForReceipt } from './waitForReceipt.ts'

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

/** Gas of one batch at most. */
const GAS_LIMIT = 1_500_000n

/** An executor over an account and an RPC. The account MUST be used by nothing else. */
export async function createExecutor({
  account,
  url,
  log,
}: {
  account: LocalAccount
  url: string
  log: Appender
}): Promise<Executor> {
  const client = createPublicClient({ transport: http(url), cacheTime: 0 })
  const chainId = await client.getChainId()
  let nonce = await client.getTransactionCount({ address: account.address, blockTag: 'pending' })

  return {
    address: account.address.toLowerCase(),
    async submit({ proposal, verdicts, approvals = [] }) {
      const { maxFeePerGas, maxPriorityFeePerGas } = await client.estimateFeesPerGas()
      const rawTransaction = await account.signTransaction({
        type: 'eip1559',
        chainId,
        nonce,
        to: proposal.body.module as Hex,
        data: executeCalldata(
          proposal.body,
          verdicts.map(v => v.body),
          approvals,
        ),
        gas: GAS_LIMIT,
        maxFeePerGas: maxFeePerGas * 2n,
        maxPriorityFeePerGas,
      })
      const transactionHash = keccak256(rawTransaction)
      const verdictLeaves = verdicts.map(v => v.leafHash)
      const body = {
        proposal: proposal.leafHash,
        verdicts: verdictLeaves,
        from: account.address.toLowerCase(),
        accountNonce: nonce,
        transactionHash,
        rawTransaction,
      }
      const submission = log.append('submission', body, [proposal.leafHash, ...verdictLeaves])
      await submission.durable
      nonce++
      try {
        await client.sendRawTransaction({ serializedTransaction: rawTransaction })
        const receipt = await waitForReceipt(client, transactionHash)
        return { submission, transactionHash, status: receipt.status }
      } catch (cause) {
        throw new WarrantError(
          'CHAIN_FAILED',
          `transaction ${transactionHash} may have been sent: ${reasonOf(cause)}`,
          { cause, retry: 'unknown' },
        )
      }
    },
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
