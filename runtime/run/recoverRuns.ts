import { createVerifierClient, type VerifierAt } from '#runtime/api/verifierClient.ts'
import { createPanel } from '#runtime/chain/createPanel.ts'
import { reorgNotice } from '#runtime/chain/notice.ts'
import { reconcile } from '#runtime/chain/reconcile.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { createMerkleTree } from '#runtime/log/merkleTree.ts'
import type { Log } from '#runtime/log/openLog.ts'
import { fromHex, toHex } from '#verifier/evidence/bytes.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { Appender, Author } from '#verifier/evidence/ports/log.ts'
import type { BlobRef } from '#verifier/evidence/primitives.ts'
import { decodeRecord, MOST_PARENTS, type RecordOf } from '#verifier/evidence/record.ts'
import type { Approval } from '#verifier/evidence/records/approval.ts'
import type { Decision, DoorUse } from '#verifier/evidence/records/decision.ts'
import { payloadsOf, proofIn } from '#verifier/evidence/records/proof.ts'
import { hashLeaf } from '#verifier/log/merkle.ts'

/** An agent's key: who it is, and its signature. */
type KeyedAuthor = Author & { readonly publicKeyHex: string }

/** What was left of one run, and brought to its end: or to where it waits for people. */
export type Recovered = {
  runId: string
  requests: number
  missed: number
  submissions: number
  abandoned: number
  waiting: WaitingRun | null
}

/** A run that is open still, because its proposal waits for people: to be taken up, and closed. */
export type WaitingRun = {
  proposal: { leafHash: string; body: RecordOf<'proposal'>['body'] }
  decision: Decision
  answers: Approval[]
  blobs: readonly BlobRef[]
  appenders: Record<'agent' | 'approver' | 'verifier' | 'executor', Appender>
  /** Its end, once the proposal has its own. */
  close(): Promise<void>
}

type Open = {
  run: RecordOf<'run'>
  nextSeq: number
  closed: boolean
  decisions: number
  requests: number
  /** The tick that was seen and did not end, and the answers that it got, by request number. */
  openTick: { tick: number; observation: string; answers: Map<number, DoorUse> } | null
  blobs: BlobRef[]
  /** By leaf hash: what has begun and not ended. */
  openRequests: Map<string, RecordOf<'request'>>
  openDecisions: Set<string>
  openProposals: Map<string, RecordOf<'proposal'>>
  /** What proposals rest on, and what people answered to them. */
  decided: Map<string, Decision>
  answers: Map<string, Approval[]>
  openSubmissions: Map<string, RecordOf<'submission'>>
  /** Leaf hashes of proposals that verifiers answered. */
  denied: Set<string>
  approved: Set<string>
  /** The next seal, and leaf hashes of the answers that it must commit to. */
  epoch: number
  unsealed: Uint8Array[]
}

const ENDED = 'the process ended before'

/** What brings submissions to their outcome. */
export type Recoverer = {
  rpc: string
  /** Those who say what became of submissions: the first whose word holds. */
  verifiers: readonly VerifierAt[]
  /** Depth at which a transaction counts, as for the executor. */
  confirmations?: number
  /** Why a proposal that nobody judged yet is not taken up again, in words; null: it waits for people, and is. */
  abandons?(run: RecordOf<'run'>, proposal: RecordOf<'proposal'>['body']): Promise<string | null>
}

/**
 * Ends the runs of a log whose process died: every request gets its terminal state, a tick that was seen and not decided
 * is missed (a kill after an answer must not be a second try), every logged submission is brought to its outcome (the same
 * bytes, broadcast again where they must be), what was not submitted is named as abandoned, and the run is closed. Nothing
 * is decided, proposed or signed anew. What a verifier signed meanwhile expires by itself. A proposal that waits for people
 * goes on waiting: its run stays open, for the caller to take up and close.
 *
 * @throws BAD_INPUT without the key of a run that is open; CHAIN_FAILED, UNREACHABLE: nothing may start before an open submission has its outcome
 */
export async function recoverRuns({
  log,
  author,
  pastAuthors = [],
  treasury,
}: {
  log: Log
  /** The agent's key, and those that it had before: a run's own signs its end. */
  author: KeyedAuthor
  pastAuthors?: readonly KeyedAuthor[]
  treasury: Recoverer | null
}): Promise<Recovered[]> {
  const recovered: Recovered[] = []
  for (const [runId, state] of await openRuns(log)) {
    const { agent } = state.run.body.keys
    const own = [author, ...pastAuthors].find(({ publicKeyHex }) => publicKeyHex === agent)
    if (own === undefined)
      throw new WarrantError(
        'BAD_INPUT',
        `run ${runId} was begun under the key ${agent}, which is not here: only it can sign its end; put its file into KEY.retired/ beside the present one`,
      )
    const run = log.resumeRun(runId, state.nextSeq, own)
    const [gateway, verdicts, runtime] = [run.appender('gateway'), run.appender('verifier'), run.appender('runtime')]
    const decider = run.appender('agent')
    for (const [leaf, { body }] of state.openRequests) {
      const result = { status: 'failed' as const, reason: `${ENDED} an answer was on record` }
      const ended = gateway.append('response', { request: leaf, agent: body.agent, number: body.number, result }, [
        leaf,
      ])
      state.openTick?.answers.set(body.number, doorOf(body, ended.leafHash))
    }
    if (state.unsealed.length > 0) {
      const receiptsRoot = toHex(createMerkleTree(state.unsealed).root())
      gateway.append('seal', { epoch: state.epoch, receipts: state.unsealed.length, receiptsRoot })
    }
    if (state.openTick !== null) {
      const missed = missedTick(state, state.openTick)
      const parents = [state.openTick.observation, ...missed.doors.map(({ answer }) => answer)]
      decider.append('decision', missed, parents.slice(0, MOST_PARENTS))
      state.decisions++
    }
    const groups = groupsOf(state.openSubmissions)
    if (groups.length > 0 && treasury === null)
      throw new WarrantError('BAD_INPUT', `run ${runId} has submissions, and this process knows no treasury`)
    const { rpc = '', verifiers = [], confirmations = 1 } = treasury ?? {}
    const panel = createPanel({
      verifiers: verifiers.map(at => createVerifierClient({ ...at, log, blobs: state.blobs })),
      threshold: 1,
      log: verdicts,
      putBlob: log.putBlob,
    })
    for (const group of groups) {
      const mined = await reconcile(
        rpc,
        group.map(([, { body }]) => body),
        {
          confirmations,
          onReorg(reorg) {
            const { what, reason, evidence } = reorgNotice(reorg)
            runtime.append('incident', { what, caughtBy: 'recovery', reason, evidence })
          },
        },
      )
      for (const [i, [leaf, { body }]] of group.entries()) {
        if (i === mined) {
          await verdicts.append('outcome', await panel.outcomeOf(leaf), [leaf]).durable
          continue
        }
        const instead =
          mined === null ? `account ${body.from} went on without it` : 'the same calls went with other fees'
        const reason = `transaction ${body.transactionHash} can never be mined: ${instead}`
        const what = 'a submission was replaced'
        runtime.append('incident', { what, caughtBy: 'recovery', reason, evidence: null }, [leaf])
      }
    }
    const ends = await endsOf(state, treasury)
    const abandoned = [
      ...[...state.openDecisions].map(leaf => [leaf, 'a decision was abandoned', `${ENDED} it was proposed`] as const),
      // A denial is on record as a proposal's end already.
      ...ends.abandoned.map(([leaf, reason]) => [leaf, 'a proposal was abandoned', reason] as const),
    ]
    for (const [leaf, what, reason] of abandoned)
      runtime.append('incident', { what, caughtBy: 'recovery', reason, evidence: null }, [leaf])
    const close = () =>
      runtime.append('close', {
        reason: `${ENDED} it closed the run; closed by recovery`,
        decisions: state.decisions,
        requests: state.requests,
      }).durable
    if (ends.waiting === null) await close()
    recovered.push({
      runId,
      requests: state.openRequests.size,
      missed: state.openTick === null ? 0 : 1,
      submissions: state.openSubmissions.size,
      abandoned: abandoned.length,
      waiting:
        ends.waiting === null
          ? null
          : {
              ...ends.waiting,
              blobs: state.blobs,
              appenders: {
                agent: decider,
                approver: run.appender('approver'),
                verifier: verdicts,
                executor: run.appender('executor'),
              },
              close,
            },
    })
  }
  return recovered
}

/** What becomes of proposals without an end: the first that waits for people waits on, the others are abandoned. */
async function endsOf(
  { run, openProposals, decided, answers, denied, approved }: Open,
  treasury: Recoverer | null,
): Promise<{
  abandoned: (readonly [leaf: string, reason: string])[]
  waiting: Pick<WaitingRun, 'proposal' | 'decision' | 'answers'> | null
}> {
  const abandoned: (readonly [string, string])[] = []
  let waiting: Pick<WaitingRun, 'proposal' | 'decision' | 'answers'> | null = null
  for (const [leaf, { body }] of openProposals) {
    // A denial is on record as a proposal's end already.
    if (denied.has(leaf) && !approved.has(leaf)) continue
    const decision = decided.get(body.decision)
    const isJudged = approved.has(leaf) || decision === undefined || waiting !== null
    const plain = `${ENDED} it was submitted; it expires at ${body.validUntil}`
    const reason = isJudged ? plain : treasury?.abandons === undefined ? plain : await treasury.abandons(run, body)
    if (reason !== null) abandoned.push([leaf, reason])
    else if (decision !== undefined)
      waiting = { proposal: { leafHash: leaf, body }, decision, answers: answers.get(leaf) ?? [] }
  }
  return { abandoned, waiting }
}

/** How a decision cites the answer to a request. */
function doorOf({ input, inputDigest }: RecordOf<'request'>['body'], answer: string): DoorUse {
  return { door: input.type === 'chat' ? 'chat' : 'infer', asked: inputDigest, answer }
}

function missedTick({ run }: Open, { tick, observation, answers }: NonNullable<Open['openTick']>): Decision {
  const { agent, strategy } = run.body
  if (strategy === null) throw new WarrantError('BAD_INPUT', `run ${run.runId}: an observation without a strategy`)
  // In the order of the questions.
  const doors = [...answers].sort(([a], [b]) => a - b).map(([, use]) => use)
  const result = { type: 'missed' as const, reason: `${ENDED} the tick was decided` }
  return { agent, tick, observation, strategy: strategy.digest, params: strategy.paramsDigest, doors, result }
}

type OpenSubmission = [leaf: string, record: RecordOf<'submission'>]

/** Submissions of one proposal together: each but the first replaces the one before. */
function groupsOf(open: ReadonlyMap<string, RecordOf<'submission'>>): OpenSubmission[][] {
  const groups = new Map<string, OpenSubmission[]>()
  for (const item of open) groups.set(item[1].body.proposal, [...(groups.get(item[1].body.proposal) ?? []), item])
  return [...groups.values()]
}

/** Runs without a close record, in order, with what is unfinished in them. */
async function openRuns(log: Log): Promise<Map<string, Open>> {
  const runs = new Map<string, Open>()
  const step = 4_096
  for (let from = 0; from < log.size; from += step) {
    for (const entry of await log.entries(from, Math.min(from + step, log.size))) {
      const record = decodeRecord(entry)
      if (record.kind === 'run') runs.set(record.runId, opened(record))
      const state = runs.get(record.runId)
      if (state === undefined) continue
      state.nextSeq = record.seq + 1
      take(state, toHex(hashLeaf(nodeCrypto, entry)), record)
      if (state.closed) runs.delete(record.runId)
    }
  }
  return runs
}

function opened(run: RecordOf<'run'>): Open {
  const { strategy, models } = run.body
  return {
    run,
    nextSeq: 0,
    closed: false,
    decisions: 0,
    requests: 0,
    openTick: null,
    blobs: [
      ...(strategy === null ? [] : [strategy.bundle]),
      ...models.flatMap(({ file }) => (file === null ? [] : [file])),
    ],
    openRequests: new Map(),
    openDecisions: new Set(),
    openProposals: new Map(),
    decided: new Map(),
    answers: new Map(),
    openSubmissions: new Map(),
    denied: new Set(),
    approved: new Set(),
    epoch: 0,
    unsealed: [],
  }
}

function take(state: Open, leaf: string, record: ReturnType<typeof decodeRecord>): void {
  switch (record.kind) {
    case 'observation':
      state.openTick = { tick: record.body.view.tick, observation: leaf, answers: new Map() }
      return
    case 'request':
      state.requests++
      state.openRequests.set(leaf, record)
      return
    case 'response': {
      const request = state.openRequests.get(record.body.request)
      state.openRequests.delete(record.body.request)
      if (request !== undefined && request.body.tick === state.openTick?.tick)
        state.openTick.answers.set(request.body.number, doorOf(request.body, leaf))
      const { result } = record.body
      if (result.status !== 'ok') return
      for (const { ref } of payloadsOf(result.proof)) state.blobs.push(ref)
      if (proofIn(result.proof, 'freivalds') !== null) state.unsealed.push(fromHex(leaf))
      return
    }
    case 'decision':
      state.decisions++
      state.openTick = null
      if (record.body.result.type === 'intents') {
        state.openDecisions.add(leaf)
        state.decided.set(leaf, record.body)
      }
      return
    case 'seal':
      state.epoch = record.body.epoch + 1
      state.unsealed = []
      return
    case 'fill':
      state.openDecisions.delete(record.body.decision)
      return
    case 'proposal':
      state.openDecisions.delete(record.body.decision)
      state.openProposals.set(leaf, record)
      return
    case 'approval':
      state.answers.set(record.body.proposal, [...(state.answers.get(record.body.proposal) ?? []), record.body])
      return
    case 'verdict':
      ;(record.body.answer === 'deny' ? state.denied : state.approved).add(record.body.proposal)
      return
    case 'submission':
      state.openProposals.delete(record.body.proposal)
      state.openSubmissions.set(leaf, record)
      return
    case 'outcome':
      // Of those that replace each other one is mined: the others ended with it.
      for (const [open, { body }] of state.openSubmissions)
        if (body.proposal === record.body.proposal) state.openSubmissions.delete(open)
      return
    case 'incident':
      for (const parent of record.parents) {
        state.openDecisions.delete(parent)
        state.openProposals.delete(parent)
        state.openSubmissions.delete(parent)
      }
      return
    case 'close':
      state.closed = true
      return
  }
}
