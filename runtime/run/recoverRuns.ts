import { createVerifierClient } from '#runtime/api/verifierClient.ts'
import { createPanel } from '#runtime/chain/createPanel.ts'
import { reorgNotice } from '#runtime/chain/notice.ts'
import { reconcile } from '#runtime/chain/reconcile.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { createMerkleTree } from '#runtime/log/merkleTree.ts'
import type { Log } from '#runtime/log/openLog.ts'
import { fromHex, toHex } from '#verifier/evidence/bytes.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { Author } from '#verifier/evidence/ports/log.ts'
import type { BlobRef } from '#verifier/evidence/primitives.ts'
import { decodeRecord, MOST_PARENTS, type RecordOf } from '#verifier/evidence/record.ts'
import type { Decision, DoorUse } from '#verifier/evidence/records/decision.ts'
import { payloadsOf, proofIn } from '#verifier/evidence/records/proof.ts'
import { hashLeaf } from '#verifier/log/merkle.ts'

/** An agent's key: who it is, and its signature. */
type KeyedAuthor = Author & { readonly publicKeyHex: string }

/** What was left of one run, and brought to its end. */
export type Recovered = { runId: string; requests: number; missed: number; submissions: number; abandoned: number }

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
  /** URLs of those who say what became of submissions: the first whose word holds. */
  verifiers: readonly string[]
  /** Depth at which a transaction counts, as for the executor. */
  confirmations?: number
}

/**
 * Ends the runs of a log whose process died: every request gets its terminal state, a tick that was seen and not decided
 * is missed (a kill after an answer must not be a second try), every logged submission is brought to its outcome (the same
 * bytes, broadcast again where they must be), what was not submitted is named as abandoned, and the run is closed. Nothing
 * is decided, proposed or signed anew. What a verifier signed meanwhile expires by itself.
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
      run.appender('agent').append('decision', missed, parents.slice(0, MOST_PARENTS))
      state.decisions++
    }
    const groups = groupsOf(state.openSubmissions)
    if (groups.length > 0 && treasury === null)
      throw new WarrantError('BAD_INPUT', `run ${runId} has submissions, and this process knows no treasury`)
    const { rpc = '', verifiers = [], confirmations = 1 } = treasury ?? {}
    const panel = createPanel({
      verifiers: verifiers.map(url => createVerifierClient({ url, log, blobs: state.blobs })),
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
    const abandoned = [
      ...[...state.openDecisions].map(leaf => [leaf, 'a decision was abandoned', `${ENDED} it was proposed`] as const),
      // A denial is on record as a proposal's end already.
      ...[...state.openProposals]
        .filter(([leaf]) => !state.denied.has(leaf) || state.approved.has(leaf))
        .map(
          ([leaf, { body }]) =>
            [leaf, 'a proposal was abandoned', `${ENDED} it was submitted; it expires at ${body.validUntil}`] as const,
        ),
    ]
    for (const [leaf, what, reason] of abandoned)
      runtime.append('incident', { what, caughtBy: 'recovery', reason, evidence: null }, [leaf])
    await runtime.append('close', {
      reason: `${ENDED} it closed the run; closed by recovery`,
      decisions: state.decisions,
      requests: state.requests,
    }).durable
    recovered.push({
      runId,
      requests: state.openRequests.size,
      missed: state.openTick === null ? 0 : 1,
      submissions: state.openSubmissions.size,
      abandoned: abandoned.length,
    })
  }
  return recovered
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
      if (record.body.result.type === 'intents') state.openDecisions.add(leaf)
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
