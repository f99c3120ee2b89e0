import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { createVerifierClient } from '#runtime/api/verifierClient.ts'
import { createPanel } from '#runtime/chain/createPanel.ts'
import { openPeerRun } from './peerRun.ts'
import { MANNERS, type Manners, type PeerVerifier, startPeerVerifier, verifierAccount } from './peerVerifier.ts'

const root = mkdtempSync(join(tmpdir(), 'warrant-peers-'))
const peers: PeerVerifier[] = []
afterAll(async () => {
  await Promise.all(peers.map(peer => peer.stop()))
  rmSync(root, { recursive: true })
})

const addresses = [0, 1, 2].map(n => verifierAccount(n).address.toLowerCase())
const PATIENCE = { deadlineMs: 3_000, graceMs: 300 }

/** A run with one verifier of some manners and two honest ones, in this order. */
async function runWith(manners: Manners) {
  const seen: never[] = []
  const started = await Promise.all(
    ([manners, 'honest', 'honest'] as const).map((how, n) => startPeerVerifier(n, how, seen)),
  )
  peers.push(...started)
  const run = await openPeerRun(mkdtempSync(join(root, 'run-')), addresses)
  const clients = started.map(({ url }) => createVerifierClient({ url, log: run.log, blobs: [], callMs: 2_000 }))
  const panel = createPanel({
    verifiers: clients,
    threshold: 2,
    log: run.verifier,
    putBlob: run.log.putBlob,
    ...PATIENCE,
  })
  return { run, started, panel }
}

describe('one verifier that is not honest costs neither the others their say nor the log its soundness', () => {
  test.each(MANNERS.filter(how => how !== 'honest'))('it is %s', async manners => {
    const { run, started, panel } = await runWith(manners)
    for (let round = 0; round < 2; round++) {
      const proposal = run.propose()
      await panel.sync()
      const verdicts = await panel.judge(proposal, 2)
      const approving = verdicts.filter(({ body }) => body.answer === 'approve')
      expect(approving.map(({ body }) => body.signer).sort()).toEqual(addresses.slice(1).sort())
      if (round > 0) continue
      const submission = await run.submit(proposal, approving)
      const outcome = await panel.outcomeOf(submission)
      await run.verifier.append('outcome', outcome, [submission]).durable
      expect(outcome.status).toBe('success')
    }
    // Who it was stands in the log, with what it sent where it sent anything.
    const said = (await run.records()).flatMap(({ kind, body }) => (kind === 'incident' ? [JSON.stringify(body)] : []))
    expect(said.length).toBeGreaterThan(0)
    if (manners !== 'denies') expect(said.every(text => text.includes(started[0]?.url as string))).toBe(true)
    expect(await run.verified()).toEqual([])
  })
})

test('with no verifier that answers nothing is approved, and the run goes on', async () => {
  const started = await Promise.all([0, 1].map(n => startPeerVerifier(n, 'closes')))
  peers.push(...started)
  const run = await openPeerRun(mkdtempSync(join(root, 'run-')), addresses)
  const clients = started.map(({ url }) => createVerifierClient({ url, log: run.log, blobs: [], callMs: 2_000 }))
  const panel = createPanel({
    verifiers: clients,
    threshold: 2,
    log: run.verifier,
    putBlob: run.log.putBlob,
    ...PATIENCE,
  })
  expect(await panel.judge(run.propose(), 2)).toEqual([])
  expect(await panel.judge(run.propose(), 2)).toEqual([])
  expect(await run.verified()).toEqual([])
})
