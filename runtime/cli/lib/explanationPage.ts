import { describeCalls } from '#verifier/effects/describeCalls.ts'
import { describeIntent } from '#verifier/effects/describeIntent.ts'
import { createShow, namesOf, type Show } from '#verifier/effects/show.ts'
import type { RecordOf } from '#verifier/evidence/record.ts'
import type { Outcome } from '#verifier/evidence/records/outcome.ts'
import { proofName } from '#verifier/evidence/records/proof.ts'
import type { Bound } from '#verifier/evidence/records/proposal.ts'
import { BOUND_KINDS } from '#verifier/evidence/records/proposal.ts'
import { float32Values } from '#verifier/evidence/tensor.ts'
import { groupDigits } from '#verifier/evidence/text/money.ts'
import { showText } from '#verifier/evidence/text/showText.ts'
import { showTime } from '#verifier/evidence/text/showTime.ts'
import { policy as policySchema } from '#verifier/policy/policy.ts'
import type { Explanation } from './explainDecision.ts'
import { whatIsNotSeen } from './whatIsNotSeen.ts'

/** The explanation as the lines of one page, by the names and decimals of the run that it is of. */
export function explanationPage(e: Explanation): string[] {
  const lines: string[] = []
  const head = (title: string) => lines.push('', title)
  const line = (text: string) => lines.push(`  ${text}`)
  const policy = policySchema.safeParse(e.run.body.policy.document).data ?? null
  const show = showByRun(e.run, policy === null ? new Map() : namesOf(policy))
  const { body } = e.decision
  lines.push(
    `Decision ${e.decisionLeaf}`,
    `tick ${body.tick} of ${showText(body.agent, 60)}, ${showTime(e.observation?.body.view.timeMs ?? e.decision.atMs)}, ${e.run.body.mode}`,
  )
  line(
    e.verified
      ? `the ${e.from} that this page is taken from verifies`
      : `THE ${e.from.toUpperCase()} DOES NOT VERIFY: ${e.findings} findings`,
  )
  for (const text of whatIsNotSeen({ key: e.key, isPinned: e.pinned, isWitnessed: false })) line(text)
  head('SEEN')
  if (e.observation === null) line('nothing')
  else {
    const { view, provenance } = e.observation.body
    line(
      `${view.bars.close.length} bars of ${view.intervalSeconds} s from ${showText(provenance.market.source)}, last close at tick ${view.bars.close.at(-1)}`,
    )
    line(
      `balances ${
        Object.entries(view.balances)
          .map(([symbol, amount]) => show.amountOf(symbol, BigInt(amount)))
          .join(', ') || 'none'
      }`,
    )
    if (provenance.chain !== null) line(`read at block ${provenance.chain.blockNumber} (${provenance.chain.blockHash})`)
  }
  head('ASKED AND ANSWERED')
  if (e.calls.length === 0) line('no model')
  for (const { request, response } of e.calls) {
    const { result, number } = response.body
    const model = e.run.body.models.find(({ digest }) => digest === request?.body.model)
    line(
      `request ${number} to model ${showText(model?.name ?? 'unknown', 60)} (${request?.body.model.slice(0, 16)}…) on ${showText(request?.body.numeric ?? 'unknown', 60)}`,
    )
    if (result.status !== 'ok') line(`  ${result.status}: ${showText(result.reason)}`)
    else {
      const { output, receipt, proof } = result
      line(
        `  answered ${output.type === 'tensor' ? showText(`[${float32Values(output.tensor).slice(0, 64).join(', ')}]`) : showText(output.body, 200)}`,
      )
      line(`  receipt signed by ${showText(receipt.statement.worker, 60)}, proof ${showText(proofName(proof), 60)}`)
    }
  }
  head('DECIDED')
  const { strategy } = e.run.body
  line(
    strategy === null
      ? 'by no strategy'
      : `by ${showText(strategy.name, 60)} ${showText(strategy.version, 30)} (${strategy.digest.slice(0, 16)}…)`,
  )
  line(`${body.result.type}, because: "${showText(body.result.reason)}"`)
  if (body.result.type === 'intents') for (const intent of body.result.intents) line(describeIntent(intent, show))
  for (const { leaf, record } of e.proposals) {
    head(`PROPOSED (${leaf.slice(0, 16)}…)`)
    for (const words of describeCalls(record.body.calls, policy, show)) line(words)
    for (const bound of record.body.bounds) line(`bound: ${boundWords(bound, show)}`)
    line(`valid until ${showTime(record.body.validUntil * 1_000)}`)
  }
  for (const { body: approval } of e.approvals) {
    head(`${approval.answer === 'approve' ? 'APPROVED' : 'REJECTED'} by ${show.address(approval.signer)}`)
    if (approval.reason !== null) line(`because: "${showText(approval.reason)}"`)
  }
  for (const { body: verdict } of e.verdicts) {
    head(`CHECKED by ${show.address(verdict.signer)}: ${verdict.answer}`)
    for (const check of verdict.checks) {
      line(`${check.ok ? 'ok  ' : 'FAIL'} ${check.id.padEnd(12)} ${showText(check.detail, 600)}`)
      for (const assumption of check.assumptions) line(`       assumes ${showText(assumption)}`)
    }
  }
  head('HAPPENED')
  for (const { record } of e.submissions) line(`transaction ${record.body.transactionHash}`)
  for (const { body: outcome } of e.outcomes) for (const text of outcomeLines(outcome, show)) line(text)
  for (const { body: fill } of e.fills) {
    const changes = Object.entries(fill.changes).map(([symbol, change]) => changeOf(symbol, BigInt(change), show))
    line(
      `filled on paper: ${fill.status}${fill.reason === null ? '' : `: ${showText(fill.reason)}`}: ${changes.join(', ') || 'nothing moved'}`,
    )
  }
  for (const { body: incident } of e.incidents)
    line(`${showText(incident.what, 100)}: ${showText(incident.reason, 600)}`)
  if (e.outcomes.length + e.fills.length === 0)
    line(body.result.type === 'intents' ? 'nothing: it was not executed' : 'nothing was asked for')
  return lines
}

function outcomeLines({ status, blockNumber, gasUsed, gasCostWei, changes, checks }: Outcome, show: Show): string[] {
  const moved = changes.map(({ token, change }) => show.change(token, BigInt(change))).join(', ')
  return [
    `${status} in block ${blockNumber}: ${moved || 'nothing moved'}`,
    `gas ${groupDigits(gasUsed)}, ${show.amountOf('native', BigInt(gasCostWei))}, paid by the executor`,
    ...checks.map(
      ({ ok, id, detail }) => `${ok ? 'ok  ' : 'FAIL'} ${showText(id, 30).padEnd(12)} ${showText(detail, 600)}`,
    ),
  ]
}

/** What a bound demands, in words. */
export function boundWords({ kind, target, id, limit }: Bound, show: Show): string {
  const amount = BigInt(limit)
  switch (kind) {
    case BOUND_KINDS.balanceChangeAtLeast:
      if (amount === 0n) return `none of ${show.address(target)} may leave`
      return amount < 0n
        ? `at most ${show.amount(target, -amount)} may leave`
        : `at least ${show.amount(target, amount)} must come`
    case BOUND_KINDS.debtAtMost:
      return `the debt in ${show.address(target)} is at most ${show.amount(target, amount)} afterwards`
    case BOUND_KINDS.erc721Owned:
      return `the Safe owns number ${id} of ${show.address(target)} afterwards`
    case BOUND_KINDS.healthFactorAtLeast:
      return `the health factor at ${show.address(target)} is at least ${limit} afterwards`
    default:
      return `of UNKNOWN kind ${kind}: ${show.address(target)} ${id} ${limit}`
  }
}

const changeOf = (symbol: string, change: bigint, show: Show) =>
  `${change > 0n ? '+' : ''}${show.amountOf(symbol, change)}`

/** By the tokens that a run lists, or its market's pair. */
function showByRun({ body: { chain, market } }: RecordOf<'run'>, names: Show['names']): Show {
  return createShow(chain?.tokens ?? (market === null ? [] : [market.pair.base, market.pair.quote]), names)
}
