import type { ApprovalRequest } from '#runtime/chain/approvalDesk.ts'
import { boundWords } from '#runtime/cli/lib/explanationPage.ts'
import type { DecodedCall } from '#verifier/effects/adapters/adapter.ts'
import { decodeCall } from '#verifier/effects/decodeCall.ts'
import { describeCalls } from '#verifier/effects/describeCalls.ts'
import { microUsd } from '#verifier/effects/price.ts'
import { type Show, showBy } from '#verifier/effects/show.ts'
import { valueAtRiskUsd } from '#verifier/effects/valueAtRisk.ts'
import { proposalDigest } from '#verifier/evidence/proposalDigest.ts'
import type { Call } from '#verifier/evidence/records/proposal.ts'
import type { Simulation } from '#verifier/evidence/records/verdict.ts'
import { showBps, showUsd } from '#verifier/evidence/text/money.ts'
import { showText } from '#verifier/evidence/text/showText.ts'
import { showDuration, showTime } from '#verifier/evidence/text/showTime.ts'
import { approvalSecondsOf } from '#verifier/policy/approvalTime.ts'
import { type Policy, policyDigest } from '#verifier/policy/policy.ts'

/** What the approver's own node says, where one was asked. */
export type OwnView = {
  /** Price as a tick of the policy's first pool. */
  tick: number | null
  policyInForce: string
  chainTimeSeconds: number
  simulation: Simulation | null
}

export type ApprovalScreenParameters = {
  request: ApprovalRequest
  /** Null: none came with the request. */
  policy: Policy | null
  /** Whether the policy is one that the approver has, or that the module has; else it is only what the sender says. */
  isPolicyKnown: boolean
  own: OwnView | null
  nowSeconds: number
}

const RULE = '─'.repeat(78)

/**
 * What an approver reads, as lines. First what is signed, all of it from the calls and bounds themselves, by the names and
 * decimals of the policy; at the end, marked, what the agent says of it.
 */
export function approvalScreen({
  request,
  policy,
  isPolicyKnown,
  own,
  nowSeconds,
}: ApprovalScreenParameters): string[] {
  const { proposal, reason, oracleTick } = request
  const show = showBy(policy)
  const lines: string[] = []
  const row = (name: string, text: string) => lines.push(`${name.padEnd(12)}${text}`)
  const head = (title: string) => lines.push('', title)
  const decoded = proposal.calls.map(call => decodeCall(call, policy))
  const tick = own?.tick ?? oracleTick
  const whose = own?.tick == null ? "the agent's" : "your node's"

  lines.push(RULE)
  row('proposal', proposalDigest(proposal))
  row('treasury', `${show.address(proposal.safe)} on chain ${proposal.chainId}`)
  row('module', show.address(proposal.module))
  row(
    'policy',
    policy === null ? 'NONE came with the request' : `${showText(policy.name, 60)}, 0x${policyDigest(policy)}`,
  )
  if (!isPolicyKnown)
    row(
      '',
      "CAUTION: not compared with yours. Names and decimals below are the sender's: give --policy FILE or --rpc URL.",
    )
  row('at risk', atRisk(policy, proposal.calls, tick, whose))
  const chainSeconds = own?.chainTimeSeconds ?? nowSeconds
  row('deadline', deadline(proposal.validUntil, chainSeconds))
  if (policy !== null) row('proposed', proposed(policy, proposal.validUntil, chainSeconds))

  head('IT WOULD DO THIS, IN THIS ORDER, ALL OR NOTHING')
  for (const [i, words] of describeCalls(proposal.calls, policy, show).entries()) {
    lines.push(`${String(i + 1).padStart(3)}. ${words}`)
    for (const text of priceLines(decoded[i] ?? null, policy, tick, whose, show)) lines.push(`       ${text}`)
  }
  head('WHO GETS WHAT')
  for (const text of receivers(decoded, proposal.calls, proposal.safe, show)) lines.push(`     ${text}`)
  head('ALLOWANCES GRANTED')
  for (const text of allowances(decoded, show)) lines.push(`     ${text}`)
  head('IT IS UNDONE UNLESS AFTERWARDS, COMPARED WITH BEFORE')
  for (const bound of proposal.bounds) lines.push(`     ${boundWords(bound, show)}`)
  if (own?.simulation != null) {
    head('TRIED NOW BY YOUR NODE')
    lines.push(`     ${simulated(own.simulation, show)}`)
  }
  head('GAS')
  lines.push(`     not included: the executor ${show.address(proposal.executor)} pays it, not the treasury`)
  head('THE SAME, AS IT IS SIGNED')
  for (const [i, call] of proposal.calls.entries())
    for (const text of rawLines(i, call, decoded[i] ?? null)) lines.push(text)
  for (const { kind, target, id, limit } of proposal.bounds)
    lines.push(`     bound kind ${kind}, target ${target}, id ${id}, limit ${limit}`)
  lines.push(`     nonce ${proposal.nonce}, valid until ${proposal.validUntil}`)
  head("THE AGENT'S OWN WORDS (nobody checked them, and they are not signed)")
  lines.push(`     agent  "${showText(proposal.agent, 60)}"`, `     reason "${showText(reason, 500)}"`, RULE)
  return lines
}

function atRisk(policy: Policy | null, calls: readonly Call[], tick: number | null, whose: string): string {
  const usd = policy === null || tick === null ? null : valueAtRiskUsd(policy, calls, tick)
  return usd === null
    ? 'UNKNOWN: something in it has no price, or cannot be read'
    : `${showUsd(BigInt(usd) * 1_000_000n)}, at ${whose} price`
}

function deadline(validUntil: number, nowSeconds: number): string {
  const left = validUntil - nowSeconds
  return `${showTime(validUntil * 1_000)}: ${left > 0 ? `${showDuration(left)} left` : 'PAST: nothing can come of it'}`
}

/** How old a proposal is, as its deadline tells: it was made no earlier than the policy's time for people before that. */
function proposed(policy: Policy, validUntil: number, nowSeconds: number): string {
  const age = nowSeconds - (validUntil - approvalSecondsOf(policy))
  return age < 0
    ? `UNDER A DEADLINE that is ${showDuration(-age)} later than the policy gives people: verifiers refuse it`
    : `at most ${showDuration(age)} ago, by its deadline; the agent's words and price are of then`
}

/** What a trade pays at the worst, beside the oracle's price. */
function priceLines(
  call: DecodedCall | null,
  policy: Policy | null,
  tick: number | null,
  whose: string,
  show: Show,
): string[] {
  const trade = call?.trade ?? null
  if (trade === null || policy === null) return []
  const [sold, bought] = [trade.sold, trade.bought].map(address =>
    policy.tokens.find(token => token.address === address),
  )
  if (sold === undefined || bought === undefined || trade.atLeast === 0n || trade.amountIn === 0n)
    return ['price: UNKNOWN; the least that it must bring may be nothing']
  // The one that is no dollar is what has a price.
  const isSale = bought.usd === 'one'
  const [priced, amount, other, otherAmount] = isSale
    ? [sold, trade.amountIn, bought, trade.atLeast]
    : [bought, trade.atLeast, sold, trade.amountIn]
  const whole = otherAmount * 10n ** BigInt(priced.decimals)
  // Against the reader: what is paid is rounded up, what is got down.
  const worst = isSale ? whole / amount : (whole + amount - 1n) / amount
  const symbol = showText(priced.symbol, 30)
  const lines = [`price: 1 ${symbol} for ${isSale ? 'at least' : 'at most'} ${show.amount(other.address, worst)}`]
  if (tick === null) return [...lines, 'slippage: UNKNOWN without a price to compare with']
  const [given, gotten] = [
    microUsd(policy, trade.sold, trade.amountIn, tick),
    microUsd(policy, trade.bought, trade.atLeast, tick),
  ]
  const unit = microUsd(policy, priced.address, 10n ** BigInt(priced.decimals), tick)
  if (given === null || gotten === null || unit === null || given === 0n)
    return [...lines, 'slippage: UNKNOWN, the policy has no price for it']
  const lost = ((given - gotten) * 10_000n) / given
  const most = BigInt(policy.limits.maxSlippageBps)
  return [
    ...lines,
    `slippage: at the worst ${showBps(lost)} below ${whose} price of ${showUsd(unit)} (the policy allows ${showBps(most)}, fee included)${lost > most ? ' TOO MUCH' : ''}`,
  ]
}

function receivers(
  decoded: readonly (DecodedCall | null)[],
  calls: readonly Call[],
  safe: string,
  show: Show,
): string[] {
  const lines: string[] = []
  for (const [i, call] of decoded.entries()) {
    const where = `(call ${i + 1})`
    const whom = (address: string) => `${show.address(address)}${address === safe ? '' : ', WHICH IS NOT THE SAFE'}`
    if (call === null) lines.push(`UNKNOWN ${where}: it cannot be read; whatever it sends may go to anybody`)
    else if (call.trade !== null)
      lines.push(
        `${whom(String(call.args.recipient))}: at least ${show.amount(call.trade.bought, call.trade.atLeast)} ${where}`,
      )
    else if (call.pays !== null) {
      const paid = call.outflows === 'approved' ? [] : call.outflows
      const what = paid.map(({ token, amount }) => show.amount(token, amount)).join(' and ') || 'what the call pays'
      lines.push(`${whom(call.pays)}: ${what} ${where}`)
    } else if (typeof call.args.recipient === 'string')
      lines.push(`${whom(call.args.recipient)}: what the call brings ${where}`)
    const value = BigInt(calls[i]?.value ?? 0)
    if (value > 0n)
      lines.push(`${show.address(call?.to ?? calls[i]?.to ?? '')}: ${show.amountOf('native', value)} ${where}`)
  }
  return lines.length === 0 ? ['nobody but the Safe'] : lines
}

function allowances(decoded: readonly (DecodedCall | null)[], show: Show): string[] {
  const left = new Map<string, string>()
  for (const call of decoded) {
    if (call === null) left.set('unknown', 'UNKNOWN: a call cannot be read')
    if (call?.name !== 'approve') continue
    const spender = String(call.args.spender)
    const amount = BigInt(call.args.amount ?? 0)
    const id = `${call.to} ${spender}`
    if (amount > 0n) left.set(id, `${show.address(spender)} may take ${show.amount(call.to, amount)} while it runs`)
  }
  const lines = [...left.values()]
  return lines.length === 0
    ? ['none']
    : [...lines, 'none may be left afterwards: the module undoes everything otherwise, unless the owners allow it']
}

function simulated({ status, changes, approvals, blockNumber }: Simulation, show: Show): string {
  if (status !== 'success') return `IT FAILS on block ${blockNumber}`
  const moved = changes.map(({ token, change }) => show.change(token, BigInt(change))).join(', ') || 'nothing moves'
  const left = approvals.map(a => `${show.address(a.spender)} keeps an allowance of ${showText(a.allowance, 80)}`)
  return [`on block ${blockNumber}: ${moved}`, ...left].join('; ')
}

function rawLines(i: number, { to, value, data }: Call, decoded: DecodedCall | null): string[] {
  const args = Object.entries(decoded?.args ?? {}).map(
    ([name, arg]) => `${showText(name, 30)}=${showText(String(arg), 100)}`,
  )
  return [
    `${String(i + 1).padStart(3)}. to ${to}, value ${value} wei, selector ${data.slice(0, 10)} ${showText(decoded?.name ?? 'unknown', 120)}`,
    ...(args.length === 0 ? [] : [`     ${args.join(', ')}`]),
    ...(data.match(/.{1,140}/g) ?? []).map(part => `     ${part}`),
  ]
}
