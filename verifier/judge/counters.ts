import { decodeFunctionResult, encodeFunctionData, type Hex, parseAbi } from 'viem'
import { type ReadCall, type Reading, resultsOf } from '#verifier/effects/reading.ts'
import { outflowsOf, valueAtRiskUsd } from '#verifier/effects/valueAtRisk.ts'
import { approvalSecondsOf } from '#verifier/policy/approvalTime.ts'
import type { Policy } from '#verifier/policy/policy.ts'
import type { Case, Earlier } from './case.ts'

const ABI = parseAbi([
  'function verifierThreshold() view returns (uint16)',
  'function getVerifiers() view returns (address[])',
  'function isNonceUsed(uint256) view returns (bool)',
])

/** An earlier proposal that was executed, or still may be. */
export type Counted = {
  digest: string
  decision: string
  /** Whole dollars at today's price; null: unknown. */
  usd: number | null
  outflows: ReadonlyMap<string, bigint>
  atSeconds: number
}

/** What earlier proposals use up, the same for every verifier of one log and one chain. */
export type Counters = {
  /** Executed, or valid still: in order of the log. */
  counted: readonly Counted[]
  /** Ended proposals in order: whether they were executed, and when. */
  ended: readonly { executed: boolean; atSeconds: number }[]
  /** Whether enough verifiers denied the proposal itself that it can never have enough signatures. */
  isDenied: boolean
}

/**
 * Folds the log's earlier proposals: each counts until it was executed, has expired, or so many verifiers denied it that too
 * few are left. An agent that holds verdicts back, or asks verifiers in turn, gains nothing. What the log calls reverted or
 * leaves open is asked of the chain.
 */
export function* countEarlier(
  { policy, earlier, answers }: Pick<Case, 'policy' | 'earlier' | 'answers'>,
  { atSeconds, tick, signed }: { atSeconds: number; tick: number | null; signed: ReadonlySet<string> },
): Reading<Counters> {
  const quorum = yield* denialsThatEnd(policy, [...earlier.map(one => one.answers), answers])
  // Who signed it knows better than a log of denials: any two quorums share a verifier, which counts it.
  const hasEnded = (one: Earlier) => !signed.has(one.digest) && isDenied(one.answers, quorum)
  const pending = earlier.filter(one => one.outcome !== 'success' && !hasEnded(one))
  const used = yield* nonceUses(policy.module, pending)
  const counted: Counted[] = []
  const ended: { executed: boolean; atSeconds: number }[] = []
  for (const one of earlier) {
    const isUsed = one.outcome === 'success' || used.has(one.leaf)
    if (!isUsed && hasEnded(one)) continue
    const isOpen = !isUsed && one.proposal.body.validUntil >= atSeconds
    const when = countedAt(one, policy, isOpen, atSeconds)
    if (isUsed) ended.push({ executed: true, atSeconds: when })
    else if (one.outcome === 'reverted') ended.push({ executed: false, atSeconds: when })
    if (isUsed || isOpen) counted.push(countedOf(one, policy, tick, when))
  }
  return { counted, ended, isDenied: isDenied(answers, quorum) }
}

/**
 * As of when an earlier proposal counts: the block that it was approved on. An agent dates its own records, so its word is not
 * taken: without an approval on record it counts as of now while it is valid, then as of its deadline; and a verifier that
 * names an old block moves it back no further than a deadline reaches.
 */
function countedAt({ approvedAt, proposal }: Earlier, policy: Policy, isOpen: boolean, nowSeconds: number): number {
  const { validUntil } = proposal.body
  if (approvedAt === null) return isOpen ? nowSeconds : Math.min(validUntil, nowSeconds)
  const { aboveUsd } = policy.approvals
  const longest = aboveUsd === null ? policy.limits.maxValiditySeconds : approvalSecondsOf(policy)
  return Math.max(approvedAt, Math.min(validUntil, nowSeconds) - longest)
}

function countedOf(
  { digest, proposal: { body } }: Earlier,
  policy: Policy,
  tick: number | null,
  atSeconds: number,
): Counted {
  return {
    digest,
    decision: body.decision,
    usd: tick === null ? null : valueAtRiskUsd(policy, body.calls, tick),
    outflows: outflowsOf(policy, body.calls) ?? new Map(),
    atSeconds,
  }
}

/** Verifiers of the module now, and how many denials leave too few of them; null: nobody denied anything. */
type Quorum = { verifiers: ReadonlySet<string>; denials: number } | null

function isDenied(answers: Earlier['answers'], quorum: Quorum): boolean {
  if (quorum === null) return false
  const denials = [...answers].filter(([signer, answer]) => answer === 'deny' && quorum.verifiers.has(signer))
  return denials.length >= quorum.denials
}

function* denialsThatEnd({ module }: Policy, all: readonly Earlier['answers'][]): Reading<Quorum> {
  if (!all.some(answers => [...answers.values()].includes('deny'))) return null
  const call = (functionName: 'verifierThreshold' | 'getVerifiers') => ({
    to: module,
    data: encodeFunctionData({ abi: ABI, functionName }),
  })
  const [first, second] = (yield* resultsOf([call('verifierThreshold'), call('getVerifiers')])) as [Hex, Hex]
  const threshold = decodeFunctionResult({ abi: ABI, functionName: 'verifierThreshold', data: first })
  const verifiers = decodeFunctionResult({ abi: ABI, functionName: 'getVerifiers', data: second })
  return {
    verifiers: new Set(verifiers.map(verifier => verifier.toLowerCase())),
    denials: verifiers.length - threshold + 1,
  }
}

/** Asks a module whether a nonce was used. */
export const nonceCall = (module: string, nonce: string): ReadCall => ({
  to: module,
  data: encodeFunctionData({ abi: ABI, functionName: 'isNonceUsed', args: [BigInt(nonce)] }),
})

/** Leaf hashes of the proposals whose nonce the module has used. */
function* nonceUses(module: string, proposals: readonly Earlier[]): Reading<Set<string>> {
  const results = yield* resultsOf(proposals.map(({ proposal }) => nonceCall(module, proposal.body.nonce)))
  return new Set(proposals.filter((_, i) => BigInt(results[i] ?? '0x0') === 1n).map(({ leaf }) => leaf))
}
