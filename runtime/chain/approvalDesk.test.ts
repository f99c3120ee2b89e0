import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { approvalTypedData } from '#verifier/evidence/approvalTypes.ts'
import type { Appender } from '#verifier/evidence/ports/log.ts'
import { proposalDigest } from '#verifier/evidence/proposalDigest.ts'
import type { Approval } from '#verifier/evidence/records/approval.ts'
import type { Proposal } from '#verifier/evidence/records/proposal.ts'
import type { Policy } from '#verifier/policy/policy.ts'
import { type AskedRequest, createApprovalDesk, requestFile } from './approvalDesk.ts'

const root = mkdtempSync(join(tmpdir(), 'warrant-desk-'))
afterAll(() => rmSync(root, { recursive: true }))

const people = [1, 2].map(() => privateKeyToAccount(generatePrivateKey()))
const [me, other] = people as [(typeof people)[0], (typeof people)[0]]
const address = (account: { address: string }) => account.address.toLowerCase()
const at = (digits: string) => `0x${digits.repeat(20)}`
const UNTIL = 5_000

const proposal = (nonce: string): Proposal => ({
  ...{ agent: 'a', decision: '11'.repeat(32), chainId: 1, safe: at('22'), module: at('33'), nonce },
  calls: [{ to: at('44'), value: '0', data: '0x01' }],
  bounds: [{ kind: 0, target: at('44'), id: '0', limit: '-1' }],
  ...{ policyDigest: '55'.repeat(32), executor: at('66'), validUntil: UNTIL, signature: '77'.repeat(64) },
})
const requestOf = (body: Proposal, leafHash = 'ab'.repeat(32)): AskedRequest => ({
  ...{ leafHash, proposal: body, oracleTick: null, reason: 'because' },
})
const answerTo = async ({ leafHash, proposal: body }: AskedRequest, account = me): Promise<Approval> => ({
  ...{ proposal: leafHash, proposalDigest: proposalDigest(body), answer: 'approve', reason: null },
  signer: address(account),
  signature: await account.signTypedData(approvalTypedData(body)),
})

/** A desk whose chain tells what it is told to, and a log that takes everything. */
let dir = ''
let nowSeconds = 0
let isAway = false
let said: string[] = []
let logged: Approval[] = []
function desk(threshold = 1) {
  const policy = { approvals: { aboveUsd: 1, approvers: people.map(address), threshold } } as unknown as Policy
  const log = {
    append(_kind: string, body: Approval) {
      logged.push(body)
      return { durable: Promise.resolve() }
    },
    faultsOf: async () => [],
  } as unknown as Appender
  const chain = {
    async head() {
      if (isAway) throw new Error('the node is away')
      return { number: 1, hash: '0x', timestamp: nowSeconds }
    },
    read: async () => '0x',
  }
  return createApprovalDesk({ dir, policy, log, chain, say: line => void said.push(line) })
}
const put = (request: AskedRequest, answer: object, name = address(me)) =>
  writeFileSync(join(dir, `${proposalDigest(request.proposal)}.${name}.json`), JSON.stringify(answer))

beforeEach(() => {
  dir = mkdtempSync(join(root, 'd-'))
  nowSeconds = 0
  isAway = false
  said = []
  logged = []
})

test('an answer that is there counts once, also where it came in an earlier life and stands on record', async () => {
  const request = requestOf(proposal('1'))
  put(request, await answerTo(request))
  const first = await desk().gather(request, { untilSeconds: UNTIL })
  expect(first).toMatchObject({ end: 'answered', answers: [{ signer: address(me) }] })
  expect(logged).toHaveLength(1)
  // Taken up again, with what stands on record: it is not recorded twice, and the second person is still asked.
  put(request, await answerTo(request, other), address(other))
  const second = await desk(2).gather(request, { untilSeconds: UNTIL, given: first.answers })
  expect(second.answers.map(({ signer }) => signer)).toEqual([address(me), address(other)])
  expect(logged.map(({ signer }) => signer)).toEqual([address(me), address(other)])
})

test('an approval of one proposal is none of another with another nonce, nor of the same calls in another record', async () => {
  const [one, two] = [requestOf(proposal('1')), requestOf(proposal('2'), 'cd'.repeat(32))]
  put(two, await answerTo(one))
  nowSeconds = UNTIL
  expect(await desk().gather(two, { untilSeconds: UNTIL })).toEqual({ end: 'late', answers: [] })
  // The same signature under the other proposal's names is somebody else's.
  put(two, { ...(await answerTo(one)), proposal: two.leafHash, proposalDigest: proposalDigest(two.proposal) })
  expect(await desk().gather(two, { untilSeconds: UNTIL })).toEqual({ end: 'late', answers: [] })
  const again = requestOf(proposal('1'), 'cd'.repeat(32))
  put(again, await answerTo(one))
  expect(await desk().gather(again, { untilSeconds: UNTIL })).toEqual({ end: 'late', answers: [] })
  expect(logged).toEqual([])
  expect(said.join('\n')).toMatch(/is an answer to another proposal[\s\S]*is signed by 0x[\s\S]*another proposal/)
})

test('time that is over, and a run that ends, end the wait; what came until then is kept', async () => {
  const request = requestOf(proposal('1'))
  put(request, await answerTo(request))
  const stopped = await desk(2).gather(request, { untilSeconds: UNTIL, isStopped: () => true })
  expect(stopped).toMatchObject({ end: 'stopped', answers: [{ signer: address(me) }] })
  nowSeconds = UNTIL
  // What was there in time counts, though nobody looked before the time was over.
  expect(await desk(1).gather(request, { untilSeconds: UNTIL })).toMatchObject({ end: 'answered' })
})

test('a node that is away is told once and waited for; a folder that is gone is made again with its request', async () => {
  const request = requestOf(proposal('1'))
  isAway = true
  rmSync(dir, { recursive: true })
  let looks = 0
  const gathered = desk().gather(request, {
    untilSeconds: UNTIL,
    isStopped() {
      looks++
      if (looks === 2) rmSync(dir, { recursive: true })
      return looks > 3
    },
  })
  expect(await gathered).toEqual({ end: 'stopped', answers: [] })
  expect(existsSync(requestFile(dir, proposalDigest(request.proposal)))).toBe(true)
  expect(readdirSync(dir)).toHaveLength(1)
  expect(said.filter(line => line.includes('the node is away'))).toHaveLength(1)
})
