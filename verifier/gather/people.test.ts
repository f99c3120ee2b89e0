import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeFunctionData } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { MODULE_ABI } from '#runtime/chain/abi.ts'
import { createChainPort } from '#runtime/chain/createChainPort.ts'
import { type AuditedProposal, auditedProposal } from '../../test/support/auditedProposal.ts'
import type { Case } from '../judge/case.ts'
import { gather, type KnownBefore } from './gather.ts'
import type { GatherPorts } from './ports.ts'

// A real proposal on a real devnet, which people approve after a while.
const root = mkdtempSync(join(tmpdir(), 'warrant-people-'))
let audited: AuditedProposal
let subject: Case
let before: KnownBefore
let ports: GatherPorts

beforeAll(async () => {
  audited = await auditedProposal(root)
  ;({ subject, before, ports } = audited)
}, 120_000)
afterAll(async () => {
  await audited?.strategy.sandboxed.close()
  await audited?.world.close()
  rmSync(root, { recursive: true })
})

const APPROVER = `0x${'a1'.repeat(20)}`
const hexOf = (seconds: number) => seconds.toString(16).padStart(64, '0')
const tickNow = async () => (await ports.market.tickAt(before.head.timestamp)) as number
const body = () => subject.proposal.body
const withBody = (change: Partial<Case['proposal']['body']>) => ({
  proposal: { ...subject.proposal, body: { ...body(), ...change } },
})
type Change = Partial<Case> & { head?: KnownBefore['head'] }
const failing = async ({ head = before.head, ...change }: Change, portChange: Partial<GatherPorts> = {}) => {
  const { judgement } = await gather({ ...subject, ...change }, { ...before, head }, { ...ports, ...portChange })
  return judgement.checks.filter(({ ok }) => ok !== true)
}

/** The same proposal, made `seconds` ago under a deadline of two hours, which these accounts approve. */
function approvedAfter(seconds: number, by: readonly string[] = [APPROVER]): Change {
  const validUntil = body().validUntil - 600 + 7_200
  const late = (hex: string) => hex.replace(hexOf(body().validUntil), hexOf(validUntil))
  const calls = body().calls.map(call => ({ ...call, data: late(call.data) }))
  const approvals = { aboveUsd: 1, approvers: [APPROVER], threshold: 1, validitySeconds: 7_200 }
  const answers = by.map(signer => ({
    body: {
      ...{ proposal: '', proposalDigest: '', answer: 'approve' as const, reason: null },
      signer,
      signature: '0x',
    },
  }))
  return {
    policy: { ...subject.policy, approvals },
    ...withBody({ validUntil, calls }),
    approvals: answers as unknown as Case['approvals'],
    head: { ...before.head, timestamp: before.head.timestamp + seconds },
  }
}
const HOUR = 3_600
/** The oracle stands still, so that time alone passes. */
const still = () => ({ market: { ...ports.market, tickAt: () => ports.market.tickAt(before.head.timestamp) } })

test('what people approved is judged again after an hour: its observation was fresh when it was proposed', async () => {
  expect(await failing(approvedAfter(HOUR), still())).toEqual([])
  // As long as the policy gives people, and no second longer.
  expect(await failing(approvedAfter(7_200), still())).toEqual([])
  const past = await failing(approvedAfter(7_300), still())
  expect(past).toMatchObject([{ id: 'policy', detail: /^expired/ }])
})

test('without an approval, by a stranger, or where nobody is asked, neither the long deadline nor old facts count', async () => {
  for (const by of [[], [`0x${'99'.repeat(20)}`]]) {
    const found = await failing(approvedAfter(HOUR, by), still())
    expect(found.map(({ id }) => id)).toEqual(['observation', 'policy'])
    expect(found[0]?.detail).toMatch(/s old; the policy allows 300/)
    expect(found[1]?.detail).toMatch(/need 1 approvals, 0 are there/)
  }
  const approved = approvedAfter(0)
  const approvals = { ...subject.policy.approvals, aboveUsd: 1_000_000 }
  const small = { ...approved, policy: { ...subject.policy, approvals }, approvals: [] }
  expect(await failing(small, still())).toMatchObject([
    { id: 'policy', detail: /valid for 7\d\d\d s; the policy allows 900 to what people did not approve/ },
  ])
  const nobody = { ...approved, policy: { ...subject.policy, approvals: { ...approvals, aboveUsd: null } } }
  expect((await failing(nobody, still())).map(({ id }) => id)).toEqual(['policy'])
})

test('a deadline beyond the policy’s is refused, whoever approved, and so are facts older than a fresh proposal’s', async () => {
  const approved = approvedAfter(0)
  const strict = (validitySeconds: number) => ({
    ...approved,
    policy: { ...subject.policy, approvals: { aboveUsd: 1, approvers: [APPROVER], threshold: 1, validitySeconds } },
  })
  expect(await failing(strict(7_000), still())).toMatchObject([
    { id: 'policy', detail: /valid for 7\d\d\d s; the policy allows 7000 to what people approved/ },
  ])
  // Waited out until the deadline fits, it says that it was proposed long after its observation.
  const waited = { ...strict(6_500), head: { ...before.head, timestamp: before.head.timestamp + HOUR } }
  expect(await failing(waited, still())).toMatchObject([{ id: 'observation', detail: /s old; the policy allows 300/ }])
})

test('what people approved is held against the price of now', async () => {
  const moved = { market: { ...ports.market, tickAt: async () => (await tickNow()) - 500 } }
  const other = { market: { ...ports.market, tickAt: async () => (await tickNow()) + 500 } }
  const found = [await failing(approvedAfter(HOUR), moved), await failing(approvedAfter(HOUR), other)].flat()
  expect(found).toMatchObject([{ id: 'policy', detail: /could lose \d+ bps against the oracle/ }])
})

// Last: it changes the module.
test('what the module lets go only with approvers is denied before it is signed, however little it is in dollars', async () => {
  const { devnet } = audited.world
  const sold = body().calls[0]?.to
  for (const [functionName, args] of [
    ['setApprovers', [[APPROVER], 1n]],
    ['setApprovalLimit', [sold, 5n, HOUR]],
  ] as const)
    await devnet.asOwners(devnet.chain.module, encodeFunctionData({ abi: MODULE_ABI, functionName, args } as never))
  const head = await createChainPort(devnet.url).head()
  expect(await failing({ head }, still())).toMatchObject([
    { id: 'simulation', detail: /^-\d+ \w+ would need approvers on chain: the module now lets 5 out without them$/ },
  ])
  expect(await failing({ ...approvedAfter(0), head }, still())).toEqual([])
  // Whoever said yes and somebody who said no are not enough.
  const approved = approvedAfter(0)
  const [first] = approved.approvals as Case['approvals']
  const rejected = { ...first, body: { ...first?.body, answer: 'reject' } } as unknown as NonNullable<typeof first>
  const both = { ...approved, head, approvals: [...(approved.approvals ?? []), rejected] }
  expect((await failing(both, still())).map(({ id }) => id)).toContain('simulation')
})
