import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type AuditedProposal, auditedProposal } from '../../../test/support/auditedProposal.ts'
import type { AuditContext, AuditPorts } from '../context.ts'
import { preAudit } from '../preAudit.ts'

const root = mkdtempSync(join(tmpdir(), 'warrant-unlisted-'))
let made: AuditedProposal
beforeAll(async () => {
  made = await auditedProposal(root)
}, 120_000)
afterAll(async () => {
  await made?.strategy.sandboxed.close()
  await made?.world.close()
  rmSync(root, { recursive: true })
})
const failing = async (contextChange: Partial<AuditContext>, portChange: Partial<AuditPorts> = {}) =>
  (await preAudit({ ...made.context, ...contextChange }, { ...made.ports, ...portChange })).filter(r => r.ok !== true)

test('a model that the policy does not list is never loaded, a worker that it does not list is no second operator', async () => {
  const { context } = made
  const unlisted = { ...context.policy, identities: { ...context.policy.identities, models: [] } }
  const touched = () => {
    throw new Error('it was loaded')
  }
  const blind = { modelFile: touched, engine: { runtime: 'none', supports: touched, load: touched } }
  const found = await failing({ policy: unlisted }, blind)
  expect(found).toMatchObject([{ id: 'identity', detail: expect.stringMatching(/is not on the policy's list/) }])
  expect(found).toHaveLength(1)

  const call = structuredClone(context.calls[0] as AuditContext['calls'][number])
  const { result } = call.response.body
  if (result.status !== 'ok') throw new Error('no answer')
  // The agent's run record names a second operator, whose key nobody listed.
  const body = structuredClone(context.runState.run.body)
  const receipt = structuredClone(result.receipt)
  receipt.statement.worker = 'second'
  body.keys.workers.push({ id: 'second', operator: 'somebody', publicKey: 'ab'.repeat(32) })
  result.proof = { kind: 'quorum', receipts: [receipt] }
  const runState = { ...context.runState, run: { ...context.runState.run, body } }
  const proofs = [{ upToUsd: null, anyOf: [['quorum']] }]
  const refused = await failing({ calls: [call], runState, policy: { ...context.policy, proofs } })
  expect(refused.find(({ id }) => id === 'proofs')?.detail).toMatch(/worker second is not listed, or not valid now/)
})
