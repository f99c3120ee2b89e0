import { type Hex, keccak256, parseTransaction, serializeTransaction } from 'viem'
import { ORDER } from '#verifier/evidence/secp256k1.ts'
import { resubmit } from '../forge.ts'
import { addAnswers, addBacktest } from '../otherRuns.ts'
import { type Json, type Loose, pick } from '../rewritings.ts'
import {
  after,
  all,
  any,
  approving,
  body,
  type Contradiction,
  copy,
  drop,
  executed,
  first,
  hex,
  incident,
  last,
  mark,
  more,
  runOf,
  spoil,
} from './tell.ts'

const upperHalf = (s: string): Hex => `0x${(ORDER - BigInt(s)).toString(16).padStart(64, '0')}`

/** What a key also signed with, by the curve's symmetry: s in the upper half, the other v. */
function otherSignature(signature: string): string {
  const v = signature.endsWith('1b') ? '1c' : '1b'
  return `${signature.slice(0, 66)}${upperHalf(`0x${signature.slice(66, 130)}`).slice(2)}${v}`
}

function otherlySigned(raw: Hex): Hex {
  const { r, s, yParity, v: _, ...unsigned } = parseTransaction(raw) as { r: Hex; s: Hex; yParity: number; v?: bigint }
  return serializeTransaction(unsigned as never, { r, s: upperHalf(s), yParity: 1 - yParity })
}

/** Lies about approvals, verdicts, money and ends: R36 to R63. */
export const moneyLies: readonly Contradiction[] = [
  {
    rule: 'R36',
    name: 'an approval of another digest',
    tell(lie) {
      addAnswers(lie)
      spoil(lie, any(lie, 'approval'), 'body.proposalDigest', hex(lie))
    },
  },
  {
    rule: 'R37',
    name: 'an approval that another person signed',
    tell(lie) {
      addAnswers(lie)
      spoil(lie, any(lie, 'approval'), 'body.signer', `0x${hex(lie, 40)}`)
    },
  },
  {
    rule: 'R38',
    name: 'a person who answers twice',
    tell(lie) {
      addAnswers(lie)
      const answer = any(lie, 'approval')
      after(lie, answer, copy(answer))
    },
  },
  {
    rule: 'R39',
    name: 'a verdict from another run, whose verifiers nobody listed here',
    tell(lie) {
      addBacktest(lie)
      const close = lie.records.at(-1) as Loose
      const verdict = copy(any(lie, 'verdict'))
      lie.records.splice(-1, 0, { ...verdict, runId: close.runId as string, atMs: close.atMs as number, leaf: null })
    },
  },
  {
    rule: 'R40',
    name: 'a report under the other signature of the same key',
    tell: lie =>
      mark(lie, last(lie, 'verdict'), {
        unsigned: true,
        spoil(made) {
          body(made).reportSignature = otherSignature(body(made).reportSignature as string)
        },
      }),
  },
  {
    rule: 'R48',
    name: 'a transaction under the other signature of the same key',
    tell: lie =>
      mark(lie, any(lie, 'submission'), {
        unsigned: true,
        spoil(made) {
          const rawTransaction = otherlySigned(body(made).rawTransaction as Hex)
          Object.assign(body(made), { rawTransaction, transactionHash: keccak256(rawTransaction) })
        },
      }),
  },
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
    rule: 'R63',
    name: 'a verdict that outlasts its proposal',
    also: ['R42', 'R49'],
    tell: lie => spoil(lie, any(lie, 'verdict'), 'body.validUntil', 4_000_000_000),
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
      // A decision that has another proposal beside it has not ended with this one.
      const alone = all(lie, 'proposal').filter(
        r => all(lie, 'proposal').filter(other => body(other).decision === body(r).decision).length === 1,
      )
      const outcome = pick(
        lie.random,
        all(lie, 'outcome').filter(r => alone.some(proposal => proposal.leaf === body(r).proposal)),
      )
      const submission = lie.records.find(r => r.leaf === body(outcome).submission) as Loose
      const proposal = lie.records.find(r => r.leaf === body(outcome).proposal) as Loose
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
