import { utcTime } from '#runtime/market/utcTime.ts'
import { canonicalize } from '#verifier/evidence/canonical.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { type AnyRecord, RECORD_KINDS, type RecordKind, type RecordOf } from '#verifier/evidence/record.ts'

/** Which records are wanted, as the command line says it. */
export type FilterOptions = {
  /** Times of records, UTC: from this on, and before that. */
  since?: string | undefined
  until?: string | undefined
  /** A run's id, or its number in the log, from 1. */
  run?: string | undefined
  agent?: string | undefined
  /** Kinds, with commas between. */
  kind?: string | undefined
  answer?: string | undefined
  /** Value at risk in dollars, as verdicts state it: `100..`, `..500`, `100..500`. */
  value?: string | undefined
  text?: string | undefined
}

/** What records answer, and which kinds do. */
export const ANSWERS = [
  ...['approve', 'deny', 'reject', 'ok', 'failed', 'timedOut', 'intents', 'hold', 'missed', 'success', 'reverted'],
] as const

/** A record with what its log says of it. */
export type Placed = { leaf: string; record: AnyRecord }

export type RecordFilter = {
  /** Nothing is asked for: everything passes. */
  readonly isEmpty: boolean
  /** Takes every record of the log, in order: values and names are known once all were taken. */
  take(placed: Placed): void
  /** Whether a record passes. */
  passes(placed: Placed): boolean
  /** Whether one of a story's records passes; time, run and agent are the decision's. */
  passesStory(decision: Placed & { record: RecordOf<'decision'> }, records: readonly Placed[]): boolean
  /** @throws BAD_INPUT when a run or an agent was asked for that the log does not have, naming those that it has */
  refuseUnknown(): void
}

/**
 * A filter from options.
 *
 * @throws BAD_INPUT naming the option and what it may be
 * @example recordFilter({ kind: 'verdict', answer: 'deny', since: '2026-07-01' })
 */
export function recordFilter(options: FilterOptions): RecordFilter {
  const kinds = kindsOf(options.kind)
  const [since, until] = [timeOf('--since', options.since), timeOf('--until', options.until)]
  if (since !== null && until !== null && since >= until)
    throw new WarrantError('BAD_INPUT', `--since ${options.since} is not before --until ${options.until}`)
  const { answer, agent, run } = options
  if (answer !== undefined && !(ANSWERS as readonly string[]).includes(answer))
    throw new WarrantError('BAD_INPUT', `--answer ${answer}: unknown: it is one of ${ANSWERS.join(', ')}`)
  if (run !== undefined && !/^([1-9]\d{0,8}|[0-9a-f]{32})$/.test(run))
    throw new WarrantError('BAD_INPUT', `--run ${run}: a run's id (32 hex digits), or its number in the log, from 1`)
  const value = rangeOf(options.value)
  const text = options.text?.toLowerCase()
  if (text === '') throw new WarrantError('BAD_INPUT', '--text: give some text')
  const runs: string[] = []
  /** Of each run; and whoever else asked, which at a gateway are many. */
  const agents = new Map<string, string>()
  const asked = new Set<string>()
  /** Dollars at risk of each proposal, as verdicts state them; proposals of each decision. */
  const worth = new Map<string, number>()
  const proposals = new Map<string, string[]>()

  const isOfRun = ({ runId }: AnyRecord) => run === undefined || runId === run || runs[Number(run) - 1] === runId
  const isOfAgent = (record: AnyRecord) =>
    agent === undefined || (agentIn(record) ?? agents.get(record.runId)) === agent
  const isInTime = ({ atMs }: AnyRecord) => (since === null || atMs >= since) && (until === null || atMs < until)

  function dollarsOf({ leaf, record }: Placed): number | null {
    const about =
      record.kind === 'proposal'
        ? [leaf]
        : record.kind === 'decision'
          ? (proposals.get(leaf) ?? [])
          : proposalOf(record)
    const known = about.flatMap(proposal => worth.get(proposal) ?? [])
    return known.length === 0 ? null : Math.max(...known)
  }
  function isWorth(placed: Placed): boolean {
    if (value === null) return true
    const dollars = dollarsOf(placed)
    return dollars !== null && dollars >= value.from && dollars <= value.to
  }
  const says = ({ body }: AnyRecord) => text === undefined || canonicalize(body).toLowerCase().includes(text)
  const passesItself = (placed: Placed) =>
    (kinds === null || kinds.has(placed.record.kind)) &&
    (answer === undefined || answerOf(placed.record) === answer) &&
    isWorth(placed) &&
    says(placed.record)
  const passesPlace = (record: AnyRecord) => isOfRun(record) && isOfAgent(record) && isInTime(record)

  return {
    isEmpty: Object.values(options).every(option => option === undefined),
    take({ leaf, record }) {
      if (record.kind === 'run') {
        runs.push(record.runId)
        agents.set(record.runId, record.body.agent)
      }
      const by = agentIn(record)
      if (by !== null) asked.add(by)
      if (record.kind === 'proposal')
        proposals.set(record.body.decision, [...(proposals.get(record.body.decision) ?? []), leaf])
      if (record.kind === 'verdict' && record.body.valueAtRiskUsd !== null)
        worth.set(record.body.proposal, Math.max(record.body.valueAtRiskUsd, worth.get(record.body.proposal) ?? 0))
    },
    passes: placed => passesPlace(placed.record) && passesItself(placed),
    passesStory: (decision, records) => passesPlace(decision.record) && [decision, ...records].some(passesItself),
    refuseUnknown() {
      const known = [...new Set([...agents.values(), ...asked])]
      if (agent !== undefined && !known.includes(agent))
        throw new WarrantError('BAD_INPUT', `--agent ${agent}: unknown: the log has ${known.join(', ') || 'none'}`)
      if (run !== undefined && !runs.includes(run) && runs[Number(run) - 1] === undefined)
        throw new WarrantError(
          'BAD_INPUT',
          `--run ${run}: unknown: the log has ${runs.length}: ${runs.map((id, i) => `${i + 1} is ${id}`).join(', ')}`,
        )
    },
  }
}

/** The agent that a record itself names. */
function agentIn({ kind, body }: AnyRecord): string | null {
  return kind === 'run' || kind === 'request' || kind === 'response' || kind === 'decision' ? body.agent : null
}

/** The proposal that a record is about. */
function proposalOf({ kind, body }: AnyRecord): string[] {
  return kind === 'verdict' || kind === 'approval' || kind === 'submission' || kind === 'outcome' ? [body.proposal] : []
}

/** What a record answers; null where it is no answer. */
function answerOf({ kind, body }: AnyRecord): string | null {
  switch (kind) {
    case 'verdict':
    case 'approval':
      return body.answer
    case 'response':
      return body.result.status
    case 'decision':
      return body.result.type
    case 'outcome':
    case 'fill':
      return body.status
    default:
      return null
  }
}

/** The kinds that a list names. @throws BAD_INPUT naming every kind */
export function kindsOf(text: string | undefined): ReadonlySet<RecordKind> | null {
  if (text === undefined) return null
  const kinds = text.split(',').map(kind => kind.trim())
  const unknown = kinds.find(kind => !(RECORD_KINDS as readonly string[]).includes(kind))
  if (unknown !== undefined)
    throw new WarrantError('BAD_INPUT', `--kind ${unknown}: unknown: it is one of ${RECORD_KINDS.join(', ')}`)
  return new Set(kinds as RecordKind[])
}

function timeOf(option: string, text: string | undefined): number | null {
  if (text === undefined) return null
  const match = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d)?(?:\.000)?)?Z?$/.exec(text)
  if (match === null)
    throw new WarrantError('BAD_INPUT', `${option} ${text}: expected UTC as YYYY-MM-DD or YYYY-MM-DDTHH:MM[:SS]`)
  const ms = utcTime(match[1] as string, `${match[2] ?? '00:00'}${match[3] ?? ':00'}`)
  if (ms === null) throw new WarrantError('BAD_INPUT', `${option}: there is no ${text}`)
  return ms
}

function rangeOf(text: string | undefined): { from: number; to: number } | null {
  if (text === undefined) return null
  const match = /^(\d{1,12})?\.\.(\d{1,12})?$/.exec(text)
  if (match === null || text === '..')
    throw new WarrantError('BAD_INPUT', `--value ${text}: expected dollars at risk as 100.., ..500 or 100..500`)
  const [from, to] = [Number(match[1] ?? 0), Number(match[2] ?? Number.POSITIVE_INFINITY)]
  if (from > to) throw new WarrantError('BAD_INPUT', `--value ${text}: ${from} is more than ${to}`)
  return { from, to }
}
