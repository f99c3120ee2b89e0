import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { openLogFiles } from '#runtime/log/logFiles.ts'
import type { RecordChecker } from '#verifier/audit/recordChecker.ts'
import { verifyLog } from '#verifier/audit/verifyLog.ts'
import { decodeCall } from '#verifier/effects/decodeCall.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { RecordOf } from '#verifier/evidence/record.ts'
import type { Intent } from '#verifier/evidence/records/decision.ts'
import { proofName } from '#verifier/evidence/records/proof.ts'
import { float32Values } from '#verifier/evidence/tensor.ts'
import { policy as policySchema } from '#verifier/policy/policy.ts'
import { logKeyFor } from './logKey.ts'

export type Story = {
  decisionLeaf: string
  run: RecordOf<'run'>
  decision: RecordOf<'decision'>
  observation: RecordOf<'observation'> | null
  calls: { request: RecordOf<'request'> | null; response: RecordOf<'response'> }[]
  proposals: { leaf: string; record: RecordOf<'proposal'> }[]
  approvals: RecordOf<'approval'>[]
  verdicts: RecordOf<'verdict'>[]
  submissions: { leaf: string; record: RecordOf<'submission'> }[]
  outcomes: RecordOf<'outcome'>[]
  fills: RecordOf<'fill'>[]
  incidents: RecordOf<'incident'>[]
}

/** `from`: what the story was taken from, and verified with. */
export type Explanation = Story & { from: 'log' | 'warrant'; verified: boolean; findings: number }

export type StoryCollector = {
  /** Takes a record, in the order of the log. */
  onRecord(leaf: string, records: RecordChecker): void
  /** The story that a tick, a leaf hash of any of its records, or its transaction's hash names. */
  find(what: string): Story | null
}

/** Gathers, record by record, what belongs to each decision. */
export function createStoryCollector(): StoryCollector {
  const stories = new Map<string, Story>()
  const byRecord = new Map<string, Story>()
  function onRecord(leaf: string, records: RecordChecker): void {
    const decision = records.find(leaf, 'decision')
    const run = decision === null ? undefined : records.runs.get(decision.runId)?.run
    if (decision !== null && run !== undefined) {
      const calls = decision.body.doors.flatMap(use => {
        const response = records.find(use.answer, 'response')
        return response === null ? [] : [{ request: records.find(response.body.request, 'request'), response }]
      })
      const story: Story = {
        ...{
          decisionLeaf: leaf,
          run,
          decision,
          calls,
          proposals: [],
          approvals: [],
          verdicts: [],
          submissions: [],
          outcomes: [],
          fills: [],
          incidents: [],
        },
        observation: decision.body.observation === null ? null : records.find(decision.body.observation, 'observation'),
      }
      stories.set(leaf, story)
      for (const id of [leaf, decision.body.observation, ...decision.body.doors.map(use => use.answer)])
        if (id !== null) byRecord.set(id, story)
    }
    const attach = <K extends 'proposal' | 'approval' | 'verdict' | 'submission' | 'outcome' | 'fill'>(
      kind: K,
      parent: (record: RecordOf<K>) => string,
      add: (story: Story, record: RecordOf<K>) => void,
    ) => {
      const record = records.find(leaf, kind)
      const story = record === null ? undefined : (stories.get(parent(record)) ?? byRecord.get(parent(record)))
      if (record === null || story === undefined) return
      add(story, record)
      byRecord.set(leaf, story)
    }
    attach(
      'proposal',
      r => r.body.decision,
      (s, record) => s.proposals.push({ leaf, record }),
    )
    attach(
      'approval',
      r => r.body.proposal,
      (s, record) => s.approvals.push(record),
    )
    attach(
      'verdict',
      r => r.body.proposal,
      (s, record) => s.verdicts.push(record),
    )
    attach(
      'submission',
      r => r.body.proposal,
      (s, record) => {
        s.submissions.push({ leaf, record })
        byRecord.set(record.body.transactionHash, s)
      },
    )
    attach(
      'outcome',
      r => r.body.submission,
      (s, record) => s.outcomes.push(record),
    )
    attach(
      'fill',
      r => r.body.decision,
      (s, record) => s.fills.push(record),
    )
    const incident = records.find(leaf, 'incident')
    for (const story of new Set(incident?.parents.flatMap(parent => byRecord.get(parent) ?? [])))
      story.incidents.push(incident as RecordOf<'incident'>)
  }
  return {
    onRecord,
    find(what) {
      const byTick = /^\d+$/.test(what)
        ? [...stories.values()].find(s => s.decision.body.tick === Number(what))
        : undefined
      return byRecord.get(what.toLowerCase()) ?? byTick ?? null
    },
  }
}

/** Everything in a log about one decision. @throws EVIDENCE_MISSING when nothing matches */
export async function explainDecision(dir: string, what: string): Promise<Explanation> {
  const { key } = logKeyFor(dir, undefined)
  const stories = createStoryCollector()
  const report = await verifyLog({ files: openLogFiles(dir), crypto: nodeCrypto, key }, (leaf, _index, records) =>
    stories.onRecord(leaf, records),
  )
  const story = stories.find(what)
  if (story === null)
    throw new WarrantError('EVIDENCE_MISSING', `${what}: no decision, record or transaction of that name in ${dir}`)
  return { ...story, from: 'log', verified: report.ok, findings: report.findings.length }
}

/** The explanation as one page of text. */
export function explanationPage(e: Explanation): string {
  const lines: string[] = []
  const head = (title: string) => lines.push('', title.toUpperCase())
  const line = (text: string) => lines.push(`  ${text}`)
  const { body } = e.decision
  lines.push(
    `Decision ${e.decisionLeaf}`,
    `tick ${body.tick} of ${body.agent}, ${new Date(e.observation?.body.view.timeMs ?? e.decision.atMs).toISOString()}, ${e.run.body.mode}`,
  )
  line(
    e.verified
      ? `the ${e.from} that this page is taken from verifies`
      : `THE ${e.from.toUpperCase()} DOES NOT VERIFY: ${e.findings} findings`,
  )
  head('seen')
  if (e.observation === null) line('nothing')
  else {
    const { view, provenance } = e.observation.body
    line(
      `${view.bars.close.length} bars of ${view.intervalSeconds} s from ${provenance.market.source}, last close at tick ${view.bars.close.at(-1)}`,
    )
    line(
      `balances ${Object.entries(view.balances)
        .map(([symbol, amount]) => `${amount} ${symbol}`)
        .join(', ')} (base units)`,
    )
    if (provenance.chain !== null) line(`read at block ${provenance.chain.blockNumber} (${provenance.chain.blockHash})`)
  }
  head('asked and answered')
  if (e.calls.length === 0) line('no model')
  for (const { request, response } of e.calls) {
    const { result, number } = response.body
    line(`request ${number} to model ${request?.body.model.slice(0, 16)}… on ${request?.body.numeric}`)
    if (result.status !== 'ok') line(`  ${result.status}: ${result.reason}`)
    else {
      line(
        `  answered ${result.output.type === 'tensor' ? `[${float32Values(result.output.tensor).join(', ')}]` : result.output.body.slice(0, 200)}`,
      )
      line(`  receipt signed by ${result.receipt.statement.worker}, proof ${proofName(result.proof)}`)
    }
  }
  head('decided')
  line(
    `${e.run.body.strategy?.name} ${e.run.body.strategy?.version} (${e.run.body.strategy?.digest.slice(0, 16)}…): ${body.result.type}: ${body.result.reason}`,
  )
  if (body.result.type === 'intents') {
    for (const intent of body.result.intents) line(intentWords(intent))
  }
  const policy = policySchema.safeParse(e.run.body.policy.document).data ?? null
  for (const { leaf, record } of e.proposals) {
    head(`proposed (${leaf.slice(0, 16)}…)`)
    for (const call of record.body.calls) line(`${decodeCall(call, policy)?.name ?? 'UNDECODABLE'} on ${call.to}`)
    for (const bound of record.body.bounds) line(`bound: ${bound.target} changes by at least ${bound.limit}`)
  }
  for (const verdict of e.verdicts) {
    head(`checked by ${verdict.body.signer}: ${verdict.body.answer}`)
    for (const check of verdict.body.checks) {
      line(`${check.ok ? 'ok  ' : 'FAIL'} ${check.id.padEnd(12)} ${check.detail}`)
      for (const assumption of check.assumptions) line(`       assumes ${assumption}`)
    }
  }
  head('happened')
  for (const { record } of e.submissions) line(`transaction ${record.body.transactionHash}`)
  for (const { body: o } of e.outcomes) {
    line(
      `${o.status} in block ${o.blockNumber}, gas ${o.gasUsed}: ${o.changes.map(c => `${c.change} ${c.asset}`).join(', ') || 'nothing moved'}`,
    )
    for (const check of o.checks) line(`${check.ok ? 'ok  ' : 'FAIL'} ${check.id.padEnd(12)} ${check.detail}`)
  }
  for (const { body: f } of e.fills)
    line(`filled on paper: ${f.status}${f.reason === null ? '' : `: ${f.reason}`} ${JSON.stringify(f.changes)}`)
  for (const { body: i } of e.incidents) line(`${i.what}: ${i.reason}`)
  if (e.outcomes.length + e.fills.length === 0)
    line(body.result.type === 'intents' ? 'nothing: it was not executed' : 'nothing was asked for')
  return lines.join('\n')
}

function intentWords(intent: Intent): string {
  switch (intent.type) {
    case 'swap':
    case 'swapV2':
      return `swap ${intent.amountIn} ${intent.sell} for at least ${intent.minBuy} ${intent.buy}`
    case 'transfer':
      return `transfer ${intent.amount} ${intent.token} to ${intent.to}`
    case 'wrap':
    case 'unwrap':
      return `${intent.type} ${intent.amount} wei, as ${intent.token}`
    case 'addLiquidity':
      return `provide at most ${intent.amount0} ${intent.token0} and ${intent.amount1} ${intent.token1} between ticks ${intent.tickLower} and ${intent.tickUpper}`
    case 'removeLiquidity':
      return `take liquidity ${intent.liquidity} out of position ${intent.position}, for at least ${intent.min0} ${intent.token0} and ${intent.min1} ${intent.token1}`
    case 'collectFees':
      return `collect the fees of position ${intent.position}`
    case 'call':
      return `call ${intent.function} of ${intent.to} with (${intent.args.join(', ')})`
  }
}
