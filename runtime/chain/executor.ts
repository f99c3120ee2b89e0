import {
  createPublicClient,
  encodeFunctionData,
  formatEther,
  formatGwei,
  http,
  keccak256,
  type LocalAccount,
} from 'viem'
import { approvalMessage } from '#verifier/evidence/approvalTypes.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { Appended, Appender } from '#verifier/evidence/ports/log.ts'
import type { Proposal } from '#verifier/evidence/records/proposal.ts'
import type { Verdict } from '#verifier/evidence/records/verdict.ts'
import { verdictMessage } from '#verifier/evidence/verdictTypes.ts'
import { MODULE_ABI } from './abi.ts'
import { followTransaction } from './followTransaction.ts'
import type { GasBudget } from './gasBudget.ts'
import { l1FeeWei } from './l1Fee.ts'
import type { TokenWords } from './moduleRefusal.ts'
import { type Notice, reorgNotice } from './notice.ts'
import { NotSentError } from './notSentError.ts'
import { preflight } from './preflight.ts'

type Hex = `0x${string}`

export type SubmitParameters = {
  proposal: { leafHash: string; body: Proposal }
  verdicts: readonly { leafHash: string; body: Verdict }[]
  approvals?: readonly { signer: string; signature: string }[]
}

/** Brings approved proposals on chain, each signed transaction on record before it is broadcast. */
export type Executor = {
  readonly address: string
  /**
   * Resolves when the transaction is as deep as configured, whatever its status. Submissions wait for each other. @throws
   * REFUSED (NotSentError) before anything is signed: the module would revert, or gas costs more than it may; CHAIN_FAILED
   * with retry `unknown` once it may have been sent
   */
  submit(parameters: SubmitParameters, onNotice?: (notice: Notice) => void): Promise<Submitted>
}

/** Replacements of one transaction at most: fees grow by an eighth each time. */
const MOST_BUMPS = 10

/** Times that somebody else on the same key may be faster, at most. */
const MOST_OVERTAKEN = 10

/** Gas of one batch at most. */
const GAS_LIMIT = 1_500_000n

export type Submitted = { submission: Appended; transactionHash: string; status: 'success' | 'reverted' }
type End = 'overtaken' | 'open'
type Sent = { submission: Appended; hash: Hex; rawTransaction: Hex }

export type CreateExecutorParameters = {
  account: LocalAccount
  url: string
  log: Appender
  /** After that a transaction counts as stuck, and is replaced by the same calls with higher fees. */
  stuckMs?: number
  /** Blocks that a transaction is followed for, its own included: a reorganisation within them is noticed and made good. */
  confirmations?: number
  /** What gas may cost; without one there is no ceiling. */
  budget?: GasBudget
  /** For amounts in words. */
  tokens?: readonly TokenWords[]
}

/**
 * An executor over an account and an RPC. Others may use the account as well, at the cost of a signature in vain when they
 * are faster: the module's own nonce keeps what is executed at once.
 */
export async function createExecutor({
  account,
  url,
  log,
  stuckMs = 60_000,
  confirmations = 1,
  budget,
  tokens = [],
}: CreateExecutorParameters): Promise<Executor> {
  const client = createPublicClient({ transport: http(url), cacheTime: 0 })
  const chainId = await client.getChainId()
  const { address } = account
  const countAt = (blockTag: 'latest' | 'pending') => client.getTransactionCount({ address, blockTag })
  let turn: Promise<unknown> = Promise.resolve()

  async function submit(
    { proposal, verdicts, approvals = [] }: SubmitParameters,
    onNotice: (notice: Notice) => void,
  ): Promise<Submitted> {
    const data = executeCalldata(
      proposal.body,
      verdicts.map(v => v.body),
      approvals,
    )
    const verdictLeaves = verdicts.map(v => v.leafHash)
    const to = proposal.body.module as Hex
    const refBlock = verdicts[0]?.body.refBlock ?? 0
    let everSent: Hex | null = null

    /** Signs, logs, and only then broadcasts: the same calls under the same nonce each time. */
    async function send(nonce: number, sent: Sent[], { gas, fees }: Terms): Promise<void> {
      const rawTransaction = await account.signTransaction({
        type: 'eip1559',
        chainId,
        nonce,
        to,
        data,
        gas,
        ...fees,
      })
      const hash = keccak256(rawTransaction)
      const replaces = sent.at(-1)?.submission.leafHash
      const body = {
        ...{ proposal: proposal.leafHash, verdicts: verdictLeaves, from: address.toLowerCase() },
        ...{ accountNonce: nonce, transactionHash: hash, rawTransaction },
        ...(replaces === undefined ? {} : { replaces }),
      }
      const parents = [proposal.leafHash, ...verdictLeaves, ...(replaces === undefined ? [] : [replaces])]
      const submission = log.append('submission', body, parents)
      await submission.durable
      sent.push({ submission, hash, rawTransaction })
      everSent ??= hash
      await client.sendRawTransaction({ serializedTransaction: rawTransaction })
    }

    const follow = (sent: readonly Sent[], withinMs: number) =>
      followTransaction({
        ...{ client, sent, confirmations, withinMs },
        onReorg: reorg => onNotice(reorgNotice(reorg)),
      })

    /** What became of those sent under a nonce: one is mined, somebody else used it, or neither is known. */
    async function endOf(sent: readonly Sent[], nonce: number, withinMs: number): Promise<Submitted | End> {
      const isUsed = async () => (await countAt('latest')) > nonce
      const mined = (await follow(sent, withinMs)) ?? ((await isUsed()) ? await follow(sent, 0) : null)
      const at = mined === null ? undefined : sent[mined.index]
      if (mined !== null && at !== undefined) {
        budget?.book(mined.costWei)
        return { submission: at.submission, transactionHash: mined.hash, status: mined.status }
      }
      return (await isUsed()) ? 'overtaken' : 'open'
    }

    /** Under one account nonce, until it is used. */
    async function sendUnder(nonce: number): Promise<Submitted | 'overtaken'> {
      const sent: Sent[] = []
      const terms = await termsOf(to, data, refBlock)
      let isDear = false
      for (let tries = 1; ; tries++) {
        const failure = isDear
          ? null
          : await send(nonce, sent, terms).then(
              () => null,
              (error: unknown) => ({ error }),
            )
        let end = await endOf(sent, nonce, failure === null ? stuckMs : 0)
        if (end === 'open' && failure !== null) {
          if (!TAKEN.test(reasonOf(failure.error))) throw failure.error
          // Somebody else's waits under this nonce: it goes first, unless it is stuck.
          end = await endOf(sent, nonce, stuckMs)
        }
        if (end === 'overtaken')
          for (const { submission, hash } of sent) onNotice(overtakenNotice(hash, nonce, submission.leafHash))
        if (end !== 'open') return end
        if (tries > MOST_BUMPS)
          throw new WarrantError('CHAIN_FAILED', `not mined after ${MOST_BUMPS} fee bumps`, { retry: 'unknown' })
        const bumped = await feesNow(terms.fees)
        const wasDear = isDear
        isDear = terms.gas * bumped.maxFeePerGas > terms.mostWei
        if (!isDear) terms.fees = bumped
        else if (!wasDear) onNotice(dearNotice(sent, terms, bumped))
      }
    }

    try {
      for (let overtaken = 0; overtaken <= MOST_OVERTAKEN; overtaken++) {
        const done = await sendUnder(await countAt('pending'))
        if (done !== 'overtaken') return done
      }
      throw new WarrantError('CHAIN_FAILED', `others on the key were faster ${MOST_OVERTAKEN + 1} times`)
    } catch (cause) {
      // What was sent under earlier nonces can never be mined.
      if (everSent === null || cause instanceof NotSentError) throw cause
      throw new WarrantError('CHAIN_FAILED', `transaction ${everSent} may have been sent: ${reasonOf(cause)}`, {
        cause,
        retry: 'unknown',
      })
    }
  }

  return {
    address: address.toLowerCase(),
    submit(parameters, onNotice = () => {}) {
      const mine = turn.then(() => submit(parameters, onNotice))
      turn = mine.catch(() => {})
      return mine
    },
  }

  /**
   * Gas and fees of a transaction that the module would execute, within the ceiling: dearer, the node never gets it.
   * @throws REFUSED (NotSentError), CHAIN_FAILED
   */
  async function termsOf(to: Hex, data: Hex, refBlock: number): Promise<Terms> {
    const needed = await preflight({ client, from: address, to, data, gas: GAS_LIMIT, refBlock, tokens })
    const padded = needed + needed / 2n + 100_000n
    const gas = padded < GAS_LIMIT ? padded : GAS_LIMIT
    const least = await client.estimateFeesPerGas()
    const fees = { ...least, maxFeePerGas: least.maxFeePerGas * 2n }
    const l1 = await l1FeeWei(client, data)
    const left = budget?.left()
    const costs = gas * least.maxFeePerGas + l1
    if (left !== undefined && costs > left.wei)
      throw new NotSentError({
        kind: 'GasCeiling',
        words: `gas costs too much: up to ${formatEther(costs)} native coins at ${formatGwei(least.maxFeePerGas)} gwei, and ${left.because}`,
        isStanding: true,
      })
    const mostWei = left === undefined ? MOST_WEI : left.wei - l1
    if (gas * fees.maxFeePerGas > mostWei) fees.maxFeePerGas = mostWei / gas
    const [balance, most] = [await client.getBalance({ address }), gas * fees.maxFeePerGas + l1]
    if (balance < most)
      throw new NotSentError({
        kind: 'Unfunded',
        words: `the executor ${address} has ${balance} wei, the transaction may cost ${most}: top it up`,
        isStanding: true,
      })
    return { gas, fees, mostWei }
  }

  /** What the chain asks now, and in any case an eighth more than before: less is no replacement for a node. */
  async function feesNow(before: Fees): Promise<Fees> {
    const { maxFeePerGas, maxPriorityFeePerGas } = await client.estimateFeesPerGas()
    const most = (now: bigint, old: bigint) => (now > old + old / 8n + 1n ? now : old + old / 8n + 1n)
    return {
      maxFeePerGas: most(maxFeePerGas * 2n, before.maxFeePerGas),
      maxPriorityFeePerGas: most(maxPriorityFeePerGas, before.maxPriorityFeePerGas),
    }
  }
}

type Fees = { maxFeePerGas: bigint; maxPriorityFeePerGas: bigint }
/** `mostWei`: what gas times fees may come to, in replacements too. */
type Terms = { gas: bigint; fees: Fees; mostWei: bigint }

/** More than there is of any native coin. */
const MOST_WEI = 1n << 128n

/** A node's answer where another transaction has the nonce. */
const TAKEN = /nonce too low|underpriced|already known|already imported/i

function overtakenNotice(hash: Hex, nonce: number, submission: string): Notice {
  return {
    what: 'a submission was replaced',
    reason: `transaction ${hash} can never be mined: nonce ${nonce} of its account was used by another`,
    evidence: { transactionHash: hash, accountNonce: nonce },
    ends: [submission],
  }
}

function dearNotice(sent: readonly Sent[], { gas, mostWei }: Terms, { maxFeePerGas }: Fees): Notice {
  const last = sent.at(-1)
  return {
    what: 'a transaction is stuck below the gas ceiling',
    reason: `${last?.hash} is not replaced: at ${formatGwei(maxFeePerGas)} gwei it could cost ${formatEther(gas * maxFeePerGas)} native coins, ${formatEther(mostWei)} are allowed`,
    evidence: { transactionHash: last?.hash ?? null },
    ends: [],
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
  const { proposalDigest, refBlock, refBlockHash, validUntil } = first
  const signatures = [...verdicts]
    .sort((a, b) => (a.signer < b.signer ? -1 : 1))
    .flatMap(v => (v.signature === null ? [] : [v.signature as Hex]))
  const approvalSignatures = [...approvals].sort((a, b) => (a.signer < b.signer ? -1 : 1)).map(a => a.signature as Hex)
  return encodeFunctionData({
    abi: MODULE_ABI,
    functionName: 'execute',
    args: [
      verdictMessage({ proposal, proposalDigest, refBlock, refBlockHash, validUntil }),
      signatures,
      { validUntil: approvalMessage(proposal).validUntil, signatures: approvalSignatures },
    ],
  })
}
