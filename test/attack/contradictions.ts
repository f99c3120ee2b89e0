import type { RuleId } from '#verifier/audit/rules/ruleList.ts'
import { toHex } from '#verifier/evidence/bytes.ts'
import type { Random } from '../fault/seededRandom.ts'
import { type AllKeys, type Marks, resubmit, signReceipt } from './forge.ts'
import { type Json, type Loose, pick } from './rewritings.ts'

/** A log's records, and what a case asks for: change records in place, insert and drop them, mark them. */
export type Lie = {
  records: Loose[]
  marks: Map<Loose, Marks>
  keys: AllKeys
  random: Random
}

/** One lie of somebody who holds every key, and the one rule that it breaks. `also`: rules that no such lie can spare. */
export type Contradiction = {
  rule: RuleId
  name: string
  also?: readonly RuleId[]
  tell(lie: Lie): void | Promise<void>
}

const body = (record: Loose) => record.body as Loose
/** Of the runs whose worker's key the forger has: one of the demo's attackers is a worker of its own. */
const all = ({ records }: Lie, kind: string) => {
  const other = new Set(records.filter(r => JSON.stringify(r).includes('"worker":"worker-2"')).map(r => r.runId))
  return records.filter(record => record.kind === kind && !other.has(record.runId))
}
const any = (lie: Lie, kind: string): Loose => pick(lie.random, all(lie, kind))
const last = (lie: Lie, kind: string): Loose => all(lie, kind).at(-1) as Loose
const first = (lie: Lie, kind: string): Loose => all(lie, kind)[0] as Loose
const mark = ({ marks }: Lie, record: Loose, asked: Marks) => void marks.set(record, { ...marks.get(record), ...asked })
/** Spoils one field when all else is derived. */
const spoil = (lie: Lie, record: Loose, path: string, value: Json | ((was: Json) => Json)) =>
  mark(lie, record, {
    spoil(made) {
      const names = path.split('.')
      let at = made
      for (const name of names.slice(0, -1)) at = at[name] as Loose
      const name = names.at(-1) as string
      at[name] = typeof value === 'function' ? value(at[name] as Json) : value
    },
  })
const drop = (lie: Lie, record: Loose) => void lie.records.splice(lie.records.indexOf(record), 1)
const after = (lie: Lie, record: Loose, ...added: Loose[]) =>
  void lie.records.splice(lie.records.indexOf(record) + 1, 0, ...added)
const copy = (record: Loose): Loose => structuredClone(record)
const hex = ({ random }: Lie, digits = 64) =>
  Array.from({ length: digits }, () => Math.floor(random() * 16).toString(16)).join('')
const more = (was: Json) => (was as number) + 1
const runOf = ({ records }: Lie, record: Loose) =>
  records.find(r => r.kind === 'run' && r.runId === record.runId) as Loose
/** The decision that a proposal follows from, the proposal, verdict, submission and outcome of an executed trade. */
const executed = (lie: Lie) => {
  const outcome = any(lie, 'outcome')
  const byLeaf = (leaf: Json | undefined) => lie.records.find(r => r.leaf === leaf) as Loose
  const submission = byLeaf(body(outcome).submission)
  return { outcome, submission, proposal: byLeaf(body(submission).proposal) }
}
const incident = (lie: Lie, like: Loose, more: Loose = {}): Loose => ({
  v: 2,
  kind: 'incident',
  runId: like.runId as string,
  seq: 0,
  atMs: like.atMs as number,
  parents: [],
  body: { what: 'something', caughtBy: 'somebody', reason: hex(lie, 8), evidence: null, ...more },
})

/** Every lie that a record can tell about another, or about itself. */
export const CONTRADICTIONS: readonly Contradiction[] = [
  {
    rule: 'R1',
    name: 'a record of another version',
    also: ['R4', 'R5', 'R20', 'R30', 'R31', 'R52', 'R47', 'R39', 'R60'],
    tell: lie => spoil(lie, any(lie, 'observation'), 'v', 1),
  },
  {
    rule: 'R2',
    name: 'a run without its run record',
    also: ['R5', 'R44'],
    tell(lie) {
      const run = last(lie, 'run')
      for (const record of lie.records)
        if (record.runId === run.runId) record.parents = (record.parents as string[]).filter(leaf => leaf !== run.leaf)
      drop(lie, run)
    },
  },
  {
    rule: 'R3',
    name: 'an incident behind the close',
    tell: lie => after(lie, last(lie, 'close'), incident(lie, last(lie, 'close'))),
  },
  { rule: 'R4', name: 'a number left out', tell: lie => spoil(lie, last(lie, 'close'), 'seq', more) },
  {
    rule: 'R5',
    name: 'a parent that is not there',
    tell: lie => spoil(lie, any(lie, 'proposal'), 'parents', was => [...(was as Json[]), hex(lie)]),
  },
  ...(['run', 'decision', 'close'] as const).map(
    (kind): Contradiction => ({
      rule: 'R6',
      name: `a ${kind} that nobody signed`,
      tell(lie) {
        mark(lie, any(lie, kind), {
          unsigned: true,
          spoil(made) {
            delete made.signature
          },
        })
      },
    }),
  ),
  {
    rule: 'R6',
    name: 'an unsigned incident that accuses a worker',
    tell(lie) {
      const like = any(lie, 'observation')
      const run = body(runOf(lie, like))
      const [worker] = (run.keys as Loose).workers as Loose[]
      const evidence = (run.strategy as Loose).bundle as Json
      const said = incident(lie, like, { what: 'a worker lied', accuses: (worker as Loose).id as string, evidence })
      after(lie, like, said)
      mark(lie, said, { unsigned: true })
    },
  },
  {
    rule: 'R6',
    name: 'a hold turned into a miss, under the old signature',
    tell(lie) {
      const hold = all(lie, 'decision').find(r => (body(r).result as Loose).type === 'hold') ?? any(lie, 'decision')
      mark(lie, hold, {
        unsigned: true,
        spoil(made) {
          body(made).result = { type: 'missed', reason: 'late' }
        },
      })
    },
    also: ['R34', 'R60'],
  },
  {
    rule: 'R6',
    name: 'another mode, under the old signature',
    tell: lie =>
      mark(lie, first(lie, 'run'), {
        unsigned: true,
        spoil(made) {
          body(made).mode = 'paper'
        },
      }),
  },
  {
    rule: 'R6',
    name: "another strategy's name, under the old signature",
    tell: lie =>
      mark(lie, first(lie, 'run'), {
        unsigned: true,
        spoil(made) {
          ;(body(made).strategy as Loose).name = 'prudent'
        },
      }),
  },
  {
    rule: 'R7',
    name: 'times that run backwards',
    tell: lie => spoil(lie, last(lie, 'decision'), 'atMs', was => (was as number) - 86_400_000),
  },
  { rule: 'R7', name: 'a close in 2001', tell: lie => spoil(lie, last(lie, 'close'), 'atMs', Date.UTC(2001, 1, 1)) },
  {
    rule: 'R8',
    name: 'a live run of 1970',
    tell(lie) {
      const close = last(lie, 'close')
      const run = runOf(lie, close)
      lie.records = lie.records.filter(r => r.runId === run.runId && (r.kind === 'run' || r.kind === 'close'))
      spoil(lie, run, 'body.mode', 'live')
      for (const record of lie.records) record.atMs = 1_000
    },
    also: ['R7'],
  },
  {
    rule: 'R9',
    name: 'the policy document of another digest',
    tell(lie) {
      mark(lie, first(lie, 'run'), {
        keep: ['digest'],
        spoil(made) {
          ;((body(made).policy as Loose).document as Loose).name = 'wider'
        },
      })
    },
  },
  {
    rule: 'R10',
    name: 'parameters of another digest',
    tell: lie => spoil(lie, last(lie, 'run'), 'body.strategy.params', '{"a":1}'),
  },
  {
    rule: 'R11',
    name: 'a worker named twice',
    tell: lie =>
      spoil(lie, first(lie, 'run'), 'body.keys.workers', was => [...(was as Json[]), (was as Json[])[0] as Json]),
  },
  {
    rule: 'R11',
    name: 'an executor that is a verifier',
    also: ['R35', 'R48'],
    tell: lie =>
      mark(lie, last(lie, 'run'), {
        spoil(made) {
          const keys = body(made).keys as Loose
          keys.verifiers = [...(keys.verifiers as Json[]), keys.executor as Json]
        },
      }),
  },
  {
    rule: 'R12',
    name: 'the run before it left out',
    tell: lie => spoil(lie, last(lie, 'run'), 'body.previous', hex(lie)),
  },
  {
    rule: 'R12',
    name: 'a whole run dropped',
    tell(lie) {
      const [, second] = lie.records.filter(record => record.kind === 'run') as [Loose, Loose]
      mark(lie, last(lie, 'run'), { keep: ['previous'] })
      lie.records = lie.records.filter(r => r.runId !== second.runId)
    },
    also: ['R44'],
  },
  {
    rule: 'R13',
    name: 'the Safe of another policy',
    also: ['R35'],
    tell: lie => spoil(lie, last(lie, 'run'), 'body.chain.safe', () => `0x${hex(lie, 40)}`),
  },
  {
    rule: 'R14',
    name: "a stranger's log key",
    tell: lie => spoil(lie, last(lie, 'run'), 'body.keys.log', 'stranger.example/log+00000000+AQ=='),
  },
  {
    rule: 'R15',
    name: 'the same tick observed again',
    tell(lie) {
      const seen = any(lie, 'observation')
      after(lie, seen, copy(seen))
    },
  },
  {
    rule: 'R15',
    name: 'bars of another interval',
    also: ['R16'],
    tell: lie => spoil(lie, any(lie, 'observation'), 'body.view.intervalSeconds', was => (was as number) * 2),
  },
  {
    rule: 'R16',
    name: 'a bar of the future',
    tell(lie) {
      mark(lie, any(lie, 'observation'), {
        spoil(made) {
          const times = ((body(made).view as Loose).bars as Loose).timeSeconds as number[]
          times[times.length - 1] = (times.at(-1) as number) + 1
        },
      })
    },
  },
  {
    rule: 'R16',
    name: 'bars out of order',
    tell(lie) {
      mark(lie, any(lie, 'observation'), {
        spoil(made) {
          const times = ((body(made).view as Loose).bars as Loose).timeSeconds as number[]
          times[0] = times[1] as number
        },
      })
    },
  },
  {
    rule: 'R17',
    name: 'an observation without a block',
    tell: lie => spoil(lie, any(lie, 'observation'), 'body.provenance.chain', null),
  },
  {
    rule: 'R18',
    name: 'a request left out of the count',
    tell: lie => spoil(lie, last(lie, 'request'), 'body.number', more),
    also: ['R22', 'R59'],
  },
  {
    rule: 'R19',
    name: 'another input than its digest',
    tell: lie =>
      mark(lie, any(lie, 'request'), {
        spoil(made) {
          body(made).inputDigest = hex(lie)
        },
      }),
    also: ['R24', 'R31'],
  },
  {
    rule: 'R20',
    name: 'a request of another tick than its observation',
    tell: lie => spoil(lie, any(lie, 'request'), 'body.tick', was => (was as number) + 50),
    also: ['R31'],
  },
  { rule: 'R21', name: 'a model of no run', tell: lie => spoil(lie, any(lie, 'request'), 'body.model', hex(lie)) },
  {
    rule: 'R22',
    name: 'a request answered twice',
    also: ['R58'],
    tell(lie) {
      const answer = any(lie, 'response')
      after(lie, answer, copy(answer))
    },
  },
  {
    rule: 'R23',
    name: 'a weaker proof than asked for',
    also: ['R26'],
    tell: lie => spoil(lie, last(lie, 'response'), 'body.result.proof', { kind: 'signed' }),
  },
  ...(['outputDigest', 'model', 'inputDigest', 'nonce'] as const).map(
    (field): Contradiction => ({
      rule: 'R24',
      name: `a receipt of another ${field}`,
      tell: lie =>
        mark(lie, any(lie, 'response'), {
          spoil(made) {
            const receipt = (body(made).result as Loose).receipt as Loose
            ;(receipt.statement as Loose)[field] = hex(lie)
            signReceipt(receipt, lie.keys)
          },
        }),
    }),
  ),
  {
    rule: 'R25',
    name: 'a receipt of a worker of no run',
    tell: lie =>
      mark(lie, any(lie, 'response'), {
        spoil(made) {
          const receipt = (body(made).result as Loose).receipt as Loose
          ;(receipt.statement as Loose).worker = 'nobody'
          signReceipt(receipt, lie.keys)
        },
      }),
  },
  {
    rule: 'R25',
    name: 'a receipt that another key signed',
    tell: lie =>
      mark(lie, any(lie, 'response'), {
        spoil(made) {
          ;((body(made).result as Loose).receipt as Loose).signature = hex(lie, 128)
        },
      }),
  },
  {
    rule: 'R26',
    name: 'another trace than its receipt names',
    tell: lie => spoil(lie, last(lie, 'response'), 'body.result.proof.trace', { inline: 'AAAA' }),
  },
  {
    rule: 'R27',
    name: 'a worker that ended before it began',
    tell: lie =>
      mark(lie, any(lie, 'response'), {
        spoil(made) {
          const receipt = (body(made).result as Loose).receipt as Loose
          const statement = receipt.statement as Loose
          statement.startedMs = (statement.finishedMs as number) + 1
          signReceipt(receipt, lie.keys)
        },
      }),
  },
  {
    rule: 'R28',
    name: 'a tick left out',
    tell: lie => spoil(lie, last(lie, 'decision'), 'body.tick', more),
    also: ['R30', 'R31'],
  },
  {
    rule: 'R28',
    name: 'a decision of another agent',
    also: ['R31'],
    tell: lie => spoil(lie, last(lie, 'decision'), 'body.agent', 'agent-2'),
  },
  {
    rule: 'R29',
    name: "another strategy's decision",
    tell: lie => spoil(lie, any(lie, 'decision'), 'body.strategy', hex(lie)),
  },
  { rule: 'R29', name: 'other parameters', tell: lie => spoil(lie, any(lie, 'decision'), 'body.params', hex(lie)) },
  {
    rule: 'R30',
    name: 'a decision on the observation of another tick',
    also: ['R31'],
    tell(lie) {
      const [one, other] = all(lie, 'observation') as [Loose, Loose]
      const later = all(lie, 'decision').find(r => body(r).observation === other.leaf) as Loose
      body(later).observation = one.leaf as string
    },
  },
  {
    rule: 'R31',
    name: 'an answer that is not cited',
    tell: lie => spoil(lie, answering(lie), 'body.doors', []),
  },
  {
    rule: 'R31',
    name: 'a question other than it was asked',
    tell: lie =>
      mark(lie, answering(lie), {
        spoil(made) {
          ;((body(made).doors as Loose[]).at(-1) as Loose).asked = hex(lie)
        },
      }),
  },
  {
    rule: 'R32',
    name: 'three identical requests, and the third used',
    also: ['R31'],
    tell(lie) {
      const answer = any(lie, 'response')
      const request = lie.records.find(r => r.leaf === body(answer).request) as Loose
      const again = [1, 2].flatMap(n => {
        const [asked, answered] = [copy(request), copy(answer)]
        body(asked).number = (body(asked).number as number) + n
        body(answered).number = body(asked).number as number
        // Their leaves are found when they are made: the answer names the one before it.
        return [asked, answered]
      })
      for (const other of lie.records)
        if (other.runId === request.runId && other !== request && other !== answer) {
          if (other.kind === 'request' && (body(other).number as number) > (body(request).number as number))
            body(other).number = (body(other).number as number) + 2
          if (other.kind === 'response' && (body(other).number as number) > (body(answer).number as number))
            body(other).number = (body(other).number as number) + 2
        }
      for (const [i, record] of again.entries()) {
        const place = `again-${i}`.padEnd(64, '0').replace(/[^0-9a-f]/g, '0')
        record.leaf = toHex(Uint8Array.from({ length: 32 }, (_, n) => (n === 0 ? i + 1 : place.charCodeAt(n % 8))))
        if (record.kind === 'response') {
          body(record).request = again[i - 1]?.leaf as string
          record.parents = [again[i - 1]?.leaf as string]
        }
      }
      after(lie, answer, ...again)
      const decision = lie.records.find(
        r => r.kind === 'decision' && (body(r).doors as Loose[]).some(door => door.answer === answer.leaf),
      ) as Loose
      for (const door of body(decision).doors as Loose[])
        if (door.answer === answer.leaf) door.answer = again.at(-1)?.leaf as string
    },
  },
  {
    rule: 'R33',
    name: 'a proposal that the agent did not sign',
    tell: lie =>
      mark(lie, last(lie, 'proposal'), {
        unsigned: true,
        spoil(made) {
          body(made).signature = hex(lie, 128)
        },
      }),
  },
  {
    rule: 'R34',
    name: 'a proposal of a decision to hold',
    tell(lie) {
      const { proposal } = executed(lie)
      const decision = lie.records.find(r => r.leaf === body(proposal).decision) as Loose
      body(decision).result = { type: 'hold', reason: 'nothing to do' }
    },
  },
  ...(
    [
      ['policyDigest', (lie: Lie) => hex(lie)],
      ['safe', (lie: Lie) => `0x${hex(lie, 40)}`],
      ['executor', (lie: Lie) => `0x${hex(lie, 40)}`],
      ['chainId', () => 99],
      ['agent', () => 'agent-2'],
    ] as const
  ).map(
    ([field, value]): Contradiction => ({
      rule: 'R35',
      name: `a proposal of another ${field}`,
      // The transaction executes what is proposed.
      also: ['R49', 'R42'],
      tell: lie => spoil(lie, executed(lie).proposal, `body.${field}`, value(lie)),
    }),
  ),
  {
    rule: 'R39',
    name: 'a verdict on another digest',
    also: ['R42', 'R49'],
    tell: lie => spoil(lie, last(lie, 'verdict'), 'body.proposalDigest', hex(lie)),
  },
  {
    rule: 'R40',
    name: 'a verdict of a stranger',
    also: ['R42', 'R49', 'R44'],
    tell: lie => spoil(lie, last(lie, 'verdict'), 'body.signer', `0x${hex(lie, 40)}`),
  },
  {
    rule: 'R41',
    name: 'approved against a check',
    tell: lie =>
      mark(lie, approving(lie), {
        spoil(made) {
          ;((body(made).checks as Loose[])[3] as Loose).ok = false
        },
      }),
  },
  {
    rule: 'R41',
    name: 'a check left out, and another made twice',
    tell: lie =>
      mark(lie, any(lie, 'verdict'), {
        spoil(made) {
          ;((body(made).checks as Loose[])[7] as Loose).id = 'log'
        },
      }),
  },
  {
    rule: 'R42',
    name: 'a denial that carries a signature',
    tell(lie) {
      const signed = body(approving(lie)).signature as string
      const denial = all(lie, 'verdict').find(r => body(r).answer === 'deny') as Loose
      spoil(lie, denial, 'body.signature', signed)
    },
  },
  {
    rule: 'R43',
    name: 'a verdict twice',
    tell(lie) {
      const verdict = any(lie, 'verdict')
      after(lie, verdict, copy(verdict))
    },
  },
  {
    rule: 'R44',
    name: 'a denial dropped',
    also: ['R60'],
    tell(lie) {
      const denial = all(lie, 'verdict').find(r => body(r).answer === 'deny') as Loose
      const next = all(lie, 'verdict').find(r => body(r).previous === denial.leaf) as Loose
      mark(lie, next, { keep: ['previous'] })
      drop(lie, denial)
    },
  },
  {
    rule: 'R45',
    name: 'a verdict that saw what came after it',
    tell: lie => spoil(lie, any(lie, 'verdict'), 'body.checkpointSize', was => (was as number) + 1),
  },
  {
    rule: 'R45',
    name: 'a verdict that did not see its proposal',
    also: ['R44'],
    tell: lie => spoil(lie, first(lie, 'verdict'), 'body.checkpointSize', 1),
  },
  {
    rule: 'R46',
    name: 'a simulation on another block',
    tell(lie) {
      const simulated = all(lie, 'verdict').find(r => body(r).simulation !== null) as Loose
      mark(lie, simulated, {
        spoil(made) {
          ;(body(made).simulation as Loose).blockNumber = 1
        },
      })
    },
  },
  {
    rule: 'R47',
    name: 'a verdict counted twice',
    also: ['R49'],
    tell: lie =>
      spoil(lie, any(lie, 'submission'), 'body.verdicts', was => [...(was as Json[]), (was as Json[])[0] as Json]),
  },
  {
    rule: 'R48',
    name: 'another account nonce than the transaction has',
    tell: lie =>
      mark(lie, any(lie, 'submission'), {
        spoil(made) {
          body(made).accountNonce = 4_000
        },
      }),
  },
  {
    rule: 'R49',
    name: "a transaction that is not the proposal's",
    tell(lie) {
      const [one, other] = all(lie, 'submission') as [Loose, Loose]
      mark(lie, other, {
        unsigned: true,
        spoil(made) {
          body(made).rawTransaction = body(one).rawTransaction as Json
        },
      })
    },
    also: ['R48', 'R50'],
  },
  {
    rule: 'R50',
    name: 'a submission twice',
    also: ['R51'],
    tell(lie) {
      const { submission } = executed(lie)
      after(lie, submission, copy(submission))
    },
  },
  {
    rule: 'R51',
    name: 'another transaction while the first is open',
    async tell(lie) {
      const { submission } = executed(lie)
      const other = copy(submission)
      await resubmit(body(other), lie.keys, { nonce: (body(other).accountNonce as number) + 40 })
      body(other).accountNonce = (body(other).accountNonce as number) + 40
      other.leaf = null
      after(lie, submission, other)
    },
  },
  {
    rule: 'R52',
    name: 'an outcome of another transaction',
    tell: lie =>
      mark(lie, any(lie, 'outcome'), {
        spoil(made) {
          body(made).transactionHash = `0x${hex(lie)}`
        },
      }),
  },
  {
    rule: 'R52',
    name: 'an outcome of another proposal',
    tell(lie) {
      const [one, other] = all(lie, 'outcome') as [Loose, Loose]
      spoil(lie, other, 'body.proposal', body(one).proposal as Json)
    },
    also: ['R54'],
  },
  {
    rule: 'R53',
    name: 'an outcome of a stranger',
    tell: lie => spoil(lie, any(lie, 'outcome'), 'body.signer', `0x${hex(lie, 40)}`),
  },
  {
    rule: 'R54',
    name: 'an outcome twice',
    tell(lie) {
      const outcome = any(lie, 'outcome')
      after(lie, outcome, copy(outcome))
    },
  },
  {
    rule: 'R55',
    name: 'an outcome that names no chain state',
    tell: lie => spoil(lie, any(lie, 'outcome'), 'body.blockHash', `0x${'00'.repeat(32)}`),
  },
  {
    rule: 'R55',
    name: 'an outcome before its verdict',
    tell: lie => spoil(lie, any(lie, 'outcome'), 'body.blockNumber', 1),
  },
  {
    rule: 'R56',
    name: 'more gas than the transaction allows',
    tell: lie => spoil(lie, any(lie, 'outcome'), 'body.gasUsed', '999999999999'),
  },
  {
    rule: 'R57',
    name: 'a fill where there is a chain',
    tell(lie) {
      const { proposal } = executed(lie)
      const decision = lie.records.find(r => r.leaf === body(proposal).decision) as Loose
      const fill = incident(lie, decision)
      fill.kind = 'fill'
      fill.body = { decision: decision.leaf as string, status: 'success', reason: null, changes: {} }
      after(lie, decision, fill)
    },
  },
  {
    rule: 'R58',
    name: 'a seal over other answers',
    tell: lie => spoil(lie, any(lie, 'seal'), 'body.receiptsRoot', hex(lie)),
  },
  {
    rule: 'R58',
    name: 'an epoch left out',
    tell: lie => spoil(lie, last(lie, 'seal'), 'body.epoch', more),
  },
  {
    rule: 'R59',
    name: 'a decision more than there are',
    tell: lie => spoil(lie, last(lie, 'close'), 'body.decisions', more),
  },
  {
    rule: 'R59',
    name: 'a request more than there are',
    tell: lie => spoil(lie, last(lie, 'close'), 'body.requests', more),
  },
  {
    rule: 'R60',
    name: 'an outcome dropped',
    tell(lie) {
      drop(lie, any(lie, 'outcome'))
    },
  },
  {
    rule: 'R60',
    name: 'a proposal dropped with all that came of it',
    tell(lie) {
      const { proposal, submission, outcome } = executed(lie)
      const gone = new Set<Json | undefined>([proposal.leaf, submission.leaf, outcome.leaf])
      lie.records = lie.records.filter(
        r => !gone.has(r.leaf) && !(r.kind === 'verdict' && body(r).proposal === proposal.leaf),
      )
    },
  },
  { rule: 'R61', name: 'the last seal dropped', tell: lie => drop(lie, last(lie, 'seal')) },
  {
    rule: 'R62',
    name: 'an incident that accuses a worker of no run',
    tell(lie) {
      const like = any(lie, 'observation')
      const evidence = (body(runOf(lie, like)).strategy as Loose).bundle as Json
      after(lie, like, incident(lie, like, { accuses: 'nobody', evidence }))
    },
  },
  {
    rule: 'R62',
    name: 'an accusation without evidence',
    tell(lie) {
      const like = any(lie, 'observation')
      const [worker] = (body(runOf(lie, like)).keys as Loose).workers as Loose[]
      after(lie, like, incident(lie, like, { accuses: (worker as Loose).id as string }))
    },
  },
]

/** A decision that used an answer, whose tick is not the last thing that its run did. */
function answering(lie: Lie): Loose {
  return pick(
    lie.random,
    all(lie, 'decision').filter(r => (body(r).doors as Loose[]).some(door => door.door !== 'observe')),
  )
}

function approving(lie: Lie): Loose {
  return pick(
    lie.random,
    all(lie, 'verdict').filter(r => body(r).answer === 'approve'),
  )
}
