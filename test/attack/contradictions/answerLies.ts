import { toHex } from '#verifier/evidence/bytes.ts'
import { signReceipt } from '../forge.ts'
import { addBacktest } from '../otherRuns.ts'
import type { Json, Loose } from '../rewritings.ts'
import {
  after,
  all,
  answering,
  any,
  body,
  type Contradiction,
  copy,
  executed,
  hex,
  type Lie,
  last,
  mark,
  more,
  spoil,
} from './tell.ts'

/** Lies about requests, answers, decisions and proposals: R18 to R35. */
export const answerLies: readonly Contradiction[] = [
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
    rule: 'R31',
    name: 'an answer that another run was given',
    tell(lie) {
      addBacktest(lie)
      const decision = lie.records.find(r => r.kind === 'decision' && r.runId === last(lie, 'run').runId) as Loose
      const other = lie.records.find(r => r.kind === 'request' && body(r).tick === body(decision).tick) as Loose
      const answer = lie.records.find(r => r.kind === 'response' && body(r).request === other.leaf) as Loose
      const door = { door: 'infer', asked: body(other).inputDigest as Json, answer: answer.leaf as Json }
      body(decision).doors = [...(body(decision).doors as Json[]), door]
    },
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
]
