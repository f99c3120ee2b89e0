import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { toHex } from '#verifier/evidence/bytes.ts'
import { handoverBytes } from '#verifier/evidence/records/handover.ts'
import { formatVkey, noteKey } from '#verifier/log/signedNote.ts'
import type { Json, Loose } from '../rewritings.ts'
import {
  after,
  all,
  any,
  body,
  type Contradiction,
  copy,
  drop,
  first,
  hex,
  incident,
  last,
  mark,
  more,
  runOf,
  spoil,
} from './tell.ts'

/** Lies about runs, times and observations: R1 to R17, and about the log's key: R64. */
export const runLies: readonly Contradiction[] = [
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
    name: 'one key under two operators, a quorum of one',
    tell: lie =>
      spoil(lie, last(lie, 'run'), 'body.keys.workers', was => {
        const [worker] = was as Loose[]
        return [...(was as Json[]), { ...(worker as Loose), id: 'somebody else', operator: 'elsewhere' }]
      }),
  },
  {
    rule: 'R11',
    name: "an agent's key as a worker's",
    tell: lie =>
      mark(lie, last(lie, 'run'), {
        spoil(made) {
          const keys = body(made).keys as Loose
          const agents = { id: 'worker-9', operator: 'agents', publicKey: keys.agent as Json }
          keys.workers = [...(keys.workers as Json[]), agents]
        },
      }),
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
    rule: 'R64',
    name: 'a new key that takes the log without the word of the old one',
    tell(lie) {
      const { records, keys } = lie
      const close = records.at(-1) as Loose
      const from = body(last(lie, 'run')).keys as Loose
      const [origin = ''] = (from.log as string).split('+')
      const to = formatVkey(noteKey(nodeCrypto, origin, keys.worker.publicKey))
      const handed = { from: from.log as string, to, size: records.length, root: hex(lie) }
      const signature = toHex(keys.worker.sign(handoverBytes(handed)))
      const made = { ...handed, signatures: { from: signature, to: signature } }
      after(lie, close, { ...incident(lie, close), kind: 'handover', runId: hex(lie, 32), body: made })
    },
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
]
