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
import type { Reading } from './reading/readLog.ts'
import { whatIsNotSeen } from './reading/whatIsNotSeen.ts'
import type { Story } from './storyCollector.ts'

/** A story as the lines of one page, by the names and decimals of the run that it is of. */
export function explanationPage(story: Story, reading: Reading): string[] {
  const words = storyWords(story)
  const { body } = story.decision
  const from = reading.kind === 'warrant' ? 'warrant' : 'log'
  const { findings } = reading.report
  const lines = [
    `Decision ${story.decisionLeaf}`,
    `tick ${body.tick} of ${showText(body.agent, 60)}, ${showTime(story.observation?.body.view.timeMs ?? story.decision.atMs)}, ${story.run.body.mode}`,
    findings.length === 0
      ? `  the ${from} that this page is taken from verifies`
      : `  THE ${from.toUpperCase()} DOES NOT VERIFY: ${findings.length} findings`,
    ...reading.unmet.map(reason => `  REQUIRED, AND NOT SO: ${reason}`),
    ...whatIsNotSeen(reading).map(text => `  ${text}`),
  ]
  const section = (title: string, told: readonly string[]) => {
    if (title !== '') lines.push('', title)
    lines.push(...told.map(text => `  ${text}`))
  }
  section('SEEN', words.seen())
  section('ASKED AND ANSWERED', story.calls.length === 0 ? ['no model'] : story.calls.flatMap(words.asked))
  section('DECIDED', words.decided())
  for (const { leaf, record } of story.proposals) section(`PROPOSED (${leaf.slice(0, 16)}…)`, words.proposed(record))
  for (const approval of story.approvals) {
    const [title = '', ...told] = words.approved(approval)
    section(title, told)
  }
  for (const verdict of story.verdicts) {
    const [title = '', ...told] = words.checked(verdict)
    section(title, told)
  }
  section('HAPPENED', [
    ...story.submissions.flatMap(({ record }) => words.submitted(record)),
    ...story.outcomes.flatMap(words.outcome),
    ...story.fills.flatMap(words.filled),
    ...story.incidents.flatMap(words.incident),
  ])
  if (story.outcomes.length + story.fills.length === 0)
    section('', [body.result.type === 'intents' ? 'nothing: it was not executed' : 'nothing was asked for'])
  return lines
}

/** What each record of a story says, in words: a line each, the first one alone says it in short. */
export function storyWords({ run, decision, observation }: Story) {
  const policy = policySchema.safeParse(run.body.policy.document).data ?? null
  const show = showByRun(run, policy === null ? new Map() : namesOf(policy))
  const { body } = decision
  return {
    seen(): string[] {
      if (observation === null) return ['nothing']
      const { view, provenance } = observation.body
      const balances = Object.entries(view.balances).map(([symbol, amount]) => show.amountOf(symbol, BigInt(amount)))
      return [
        `${view.bars.close.length} bars of ${view.intervalSeconds} s from ${showText(provenance.market.source)}, last close at tick ${view.bars.close.at(-1)}`,
        `balances ${balances.join(', ') || 'none'}`,
        ...(provenance.chain === null
          ? []
          : [`read at block ${provenance.chain.blockNumber} (${provenance.chain.blockHash})`]),
      ]
    },
    asked({ request, response }: Story['calls'][number]): string[] {
      const { result, number } = response.body
      const model = run.body.models.find(({ digest }) => digest === request?.body.model)
      const asked = `request ${number} to model ${showText(model?.name ?? 'unknown', 60)} (${request?.body.model.slice(0, 16)}…) on ${showText(request?.body.numeric ?? 'unknown', 60)}`
      if (result.status !== 'ok') return [asked, `  ${result.status}: ${showText(result.reason)}`]
      const { output, receipt, proof } = result
      return [
        asked,
        `  answered ${output.type === 'tensor' ? showText(`[${float32Values(output.tensor).slice(0, 64).join(', ')}]`) : showText(output.body, 200)}`,
        `  receipt signed by ${showText(receipt.statement.worker, 60)}, proof ${showText(proofName(proof), 60)}`,
      ]
    },
    decided(): string[] {
      const { strategy } = run.body
      return [
        strategy === null
          ? 'by no strategy'
          : `by ${showText(strategy.name, 60)} ${showText(strategy.version, 30)} (${strategy.digest.slice(0, 16)}…)`,
        `${body.result.type}, because: "${showText(body.result.reason)}"`,
        ...(body.result.type === 'intents' ? body.result.intents.map(intent => describeIntent(intent, show)) : []),
      ]
    },
    proposed: ({ body: { calls, bounds, validUntil } }: RecordOf<'proposal'>): string[] => [
      ...describeCalls(calls, policy, show),
      ...bounds.map(bound => `bound: ${boundWords(bound, show)}`),
      `valid until ${showTime(validUntil * 1_000)}`,
    ],
    approved: ({ body: { answer, signer, reason } }: RecordOf<'approval'>): string[] => [
      `${answer === 'approve' ? 'APPROVED' : 'REJECTED'} by ${show.address(signer)}`,
      ...(reason === null ? [] : [`because: "${showText(reason)}"`]),
    ],
    checked: ({ body: { answer, signer, checks } }: RecordOf<'verdict'>): string[] => [
      `CHECKED by ${show.address(signer)}: ${answer}`,
      ...checks.flatMap(({ id, ok, detail, assumptions }) => [
        `${ok ? 'ok  ' : 'FAIL'} ${id.padEnd(12)} ${showText(detail, 600)}`,
        ...assumptions.map(assumption => `       assumes ${showText(assumption)}`),
      ]),
    ],
    submitted: ({ body: { transactionHash } }: RecordOf<'submission'>): string[] => [`transaction ${transactionHash}`],
    outcome: (record: RecordOf<'outcome'>): string[] => outcomeLines(record.body, show),
    filled({ body: { status, reason, changes } }: RecordOf<'fill'>): string[] {
      const moved = Object.entries(changes).map(([symbol, change]) => changeOf(symbol, BigInt(change), show))
      return [
        `filled on paper: ${status}${reason === null ? '' : `: ${showText(reason)}`}: ${moved.join(', ') || 'nothing moved'}`,
      ]
    },
    incident: ({ body: { what, reason } }: RecordOf<'incident'>): string[] => [
      `${showText(what, 100)}: ${showText(reason, 600)}`,
    ],
  }
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
