import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import type { Cosigner } from '#runtime/log/cosigner.ts'
import { openLogFiles } from '#runtime/log/logFiles.ts'
import { openLog } from '#runtime/log/openLog.ts'
import { createRecordChecker } from '#verifier/audit/recordChecker.ts'
import { verifyLog } from '#verifier/audit/verifyLog.ts'
import { toHex, utf8 } from '#verifier/evidence/bytes.ts'
import { encodeRecord, type RecordOf } from '#verifier/evidence/record.ts'
import { handoverBytes } from '#verifier/evidence/records/handover.ts'
import { formatCheckpoint, openCheckpoint } from '#verifier/log/checkpoint.ts'
import { createFrontier } from '#verifier/log/frontier.ts'
import { hashLeaf } from '#verifier/log/merkle.ts'
import { formatNote, formatVkey, noteKey } from '#verifier/log/signedNote.ts'
import { verifyTree } from '#verifier/log/verifyTree.ts'
import { createFollower } from '#verifier/service/follower.ts'
import { goVerify, hasGo } from '../../conformance/goVerifier.ts'
import { commandHere } from '../../support/commandHere.ts'
import { smallRun } from './smallRun.ts'

// A log goes on under another key: nothing before it is lost, and no key takes it by itself.
const root = mkdtempSync(join(tmpdir(), 'warrant-handover-'))
afterAll(() => rmSync(root, { recursive: true }))

const ORIGIN = 'handed.example/log'
const signers = [1, 2, 3].map(byte => ed25519Signer(new Uint8Array(32).fill(byte)))
const [first, second, third] = signers as [(typeof signers)[0], (typeof signers)[0], (typeof signers)[0]]
const keyOf = ({ publicKey }: (typeof signers)[0]) => noteKey(nodeCrypto, ORIGIN, publicKey)
const vkeyOf = (signer: (typeof signers)[0]) => formatVkey(keyOf(signer))
const agent = ed25519Signer(new Uint8Array(32).fill(9))
const open = (dir: string, signer: (typeof signers)[0], cosigner: Cosigner | null = null) =>
  openLog({ dir, origin: ORIGIN, signer, cosigner, clock: { nowMs: () => Date.now() } })
const verify = (dir: string, signer: (typeof signers)[0]) =>
  verifyLog({ files: openLogFiles(dir), crypto: nodeCrypto, key: keyOf(signer) })

async function entriesOf(dir: string, signer: (typeof signers)[0]): Promise<Uint8Array[]> {
  const entries: Uint8Array[] = []
  await verifyTree(
    { files: openLogFiles(dir), crypto: nodeCrypto, key: keyOf(signer) },
    entry => void entries.push(entry.slice()),
  )
  return entries
}

describe('a log whose key was replaced', () => {
  test('verifies whole under the last of three keys; checkpoints of the first still do, as prefixes of it', async () => {
    const dir = join(root, 'thrice')
    const log = open(dir, first)
    await smallRun(log, agent)
    await log.publish()
    const old = join(root, 'old-checkpoint')
    cpSync(join(dir, 'checkpoint'), old)
    await log.handOver(second)
    expect(log.vkey).toBe(vkeyOf(second))
    await smallRun(log, agent)
    await log.close()
    // Another process, under the new key.
    const again = open(dir, second)
    await again.handOver(third)
    await smallRun(again, agent)
    await again.close()

    const report = await verify(dir, third)
    expect([report.findings, report.size, report.records.handover]).toEqual([[], 8, 2])
    expect(readFileSync(join(dir, 'vkey'), 'utf8')).toBe(`${vkeyOf(third)}\n`)
    // A part of it, as a file of one decision holds: the handovers lead from the run's key to the checkpoint's.
    const excerpt = createRecordChecker(nodeCrypto, { scope: 'excerpt' })
    const [run, , handed, , , taken] = await entriesOf(dir, third)
    for (const [index, entry] of [
      [0, run],
      [2, handed],
    ] as const)
      expect(await excerpt.check(entry as Uint8Array, index, hashLeaf(nodeCrypto, entry as Uint8Array))).toEqual([])
    expect(excerpt.keyFindings(vkeyOf(third)).map(({ rule }) => rule)).toEqual(['R64'])
    await excerpt.check(taken as Uint8Array, 5, hashLeaf(nodeCrypto, taken as Uint8Array))
    expect([...(await excerpt.settle()), ...excerpt.keyFindings(vkeyOf(third))]).toEqual([])
    for (const past of [first, second]) {
      const said = (await verify(dir, past)).findings.map(({ where, reason }) => `${where}: ${reason}`).join()
      expect(said).toContain('if the log was handed over')
    }
    if (hasGo) expect(goVerify(dir, vkeyOf(third)).output).toContain('ok 8 ')

    const { size } = openCheckpoint(nodeCrypto, readFileSync(old, 'utf8'), keyOf(first))
    expect(size).toBe(2)
    const compared = await commandHere(['log', 'compare', dir, old, '--vkey', vkeyOf(third)])
    expect([compared.status, compared.stdout]).toEqual([0, expect.stringContaining('one tree: ')])
    // The old key, in a thief's hands, signs another tree of that size.
    const text = formatCheckpoint({ origin: ORIGIN, size: 2, root: new Uint8Array(32).fill(5) })
    writeFileSync(old, formatNote(text, [{ name: ORIGIN, id: keyOf(first).id, signature: first.sign(utf8(text)) }]))
    const forged = await commandHere(['log', 'compare', dir, old, '--vkey', vkeyOf(third)])
    expect([forged.status, forged.stdout]).toEqual([1, expect.stringContaining('SPLIT VIEW')])
  })

  test('is opened by the key in force alone, wherever a crash cut the handover off', async () => {
    const [dir, crashed] = [join(root, 'crash'), join(root, 'crashed')]
    // At this moment the handover is durable, and the published checkpoint is the old key's.
    let isTaken = false
    const cosigner: Cosigner = {
      witnesses: [],
      silent: new Map(),
      async cosign({ note, size }) {
        if (size > 2 && !isTaken) cpSync(dir, crashed, { recursive: true, filter: path => !path.includes('lock') })
        isTaken ||= size > 2
        return note
      },
    }
    const log = open(dir, first, cosigner)
    await smallRun(log, agent)
    await log.publish()
    await log.handOver(second)
    await log.close()
    expect(isTaken).toBe(true)
    expect(readFileSync(join(crashed, 'vkey'), 'utf8')).toBe(`${vkeyOf(first)}\n`)
    expect(() => open(crashed, first)).toThrow('open it with its own')
    expect(() => open(crashed, third)).toThrow('open it with its own')
    const again = open(crashed, second)
    await smallRun(again, agent)
    await again.close()
    expect((await verify(crashed, second)).findings).toEqual([])
    // And once it is published.
    expect(() => open(dir, first)).toThrow()
    await open(dir, second).close()
  })

  test('goes to another key only', async () => {
    const log = open(join(root, 'same'), first)
    await expect(log.handOver(first)).rejects.toThrow('another key than its own')
    await log.close()
  })

  test('keeps every step that was appended while it was handed over', async () => {
    const dir = join(root, 'busy')
    const log = open(dir, first)
    const run = log.startRun(agent)
    const runtime = run.appender('runtime')
    await smallRun(log, agent)
    const step = { what: 'a step', caughtBy: 'x', reason: 'r', evidence: null }
    const steps: Promise<void>[] = []
    for (let i = 0; i < 50; i++) steps.push(runtime.append('incident', step).durable)
    const handed = log.handOver(second)
    for (let i = 0; i < 50; i++) {
      steps.push(runtime.append('incident', step).durable)
      await null
    }
    await Promise.all([handed, ...steps, log.checkpoint()])
    await log.close()
    const report = await verify(dir, second)
    expect([report.size, report.records.handover]).toEqual([103, 1])
    // The steps are of a run without a record, which is all that is wrong.
    expect(new Set(report.findings.map(({ rule }) => rule))).toEqual(new Set(['R2']))
  })
})

describe('a verifier', () => {
  /** Entries of a log that was handed over after its first run, and the notes of both keys. */
  async function handed(name: string) {
    const log = open(join(root, name), first)
    await smallRun(log, agent)
    const before = await log.checkpoint()
    await log.handOver(second)
    await smallRun(log, agent)
    const after = await log.checkpoint()
    const entries = await log.entries(0, log.size)
    await log.close()
    return { before, after, entries }
  }
  const follower = (vkey: string, listed: readonly string[]) =>
    createFollower({ crypto: nodeCrypto, vkey, listed, pinned: null })
  const both = [vkeyOf(first), vkeyOf(second)]

  test('follows the handover that its key signed, where the policy lists the new one', async () => {
    const { before, after, entries } = await handed('followed')
    const running = follower(vkeyOf(first), both)
    await running.take({ note: before, from: 0, entries: entries.slice(0, 2) })
    expect(running.vkey).toBe(vkeyOf(first))
    await running.take({ note: after, from: 2, entries: entries.slice(2) })
    expect([running.vkey, running.findings]).toEqual([vkeyOf(second), []])
    // One that starts later, on either key.
    for (const vkey of both) {
      const late = follower(vkey, both)
      await late.take({ note: after, from: 0, entries })
      expect([late.vkey, late.findings]).toEqual([vkeyOf(second), []])
    }
  })

  test('a stolen old key hands over to nobody: the policy does not list the new one', async () => {
    const { before, after, entries } = await handed('stolen')
    const running = follower(vkeyOf(first), [vkeyOf(first)])
    await running.take({ note: before, from: 0, entries: entries.slice(0, 2) })
    await expect(running.take({ note: after, from: 2, entries: entries.slice(2) })).rejects.toThrow('policy')
    expect([running.size, running.findings]).toEqual([2, []])
  })

  test('nor does the old key sign on: what follows the handover is the new key`s', async () => {
    const { before, entries } = await handed('signs-on')
    const running = follower(vkeyOf(first), both)
    await running.take({ note: before, from: 0, entries: entries.slice(0, 2) })
    const frontier = createFrontier(nodeCrypto)
    for (const entry of entries) frontier.append(hashLeaf(nodeCrypto, entry))
    const text = formatCheckpoint({ origin: ORIGIN, size: entries.length, root: frontier.root() })
    const note = formatNote(text, [{ name: ORIGIN, id: keyOf(first).id, signature: first.sign(utf8(text)) }])
    await expect(running.take({ note, from: 2, entries: entries.slice(2) })).rejects.toThrow('is not signed by')
  })

  test('a listed key takes nothing without the word of the one before', async () => {
    const { entries } = await handed('forged')
    const handover = JSON.parse(Buffer.from(entries[2] as Uint8Array).toString()) as RecordOf<'handover'>
    const { signatures, ...body } = handover.body
    const noted = (all: readonly Uint8Array[]) => {
      const frontier = createFrontier(nodeCrypto)
      for (const entry of all) frontier.append(hashLeaf(nodeCrypto, entry))
      const text = formatCheckpoint({ origin: ORIGIN, size: all.length, root: frontier.root() })
      return formatNote(text, [{ name: ORIGIN, id: keyOf(second).id, signature: second.sign(utf8(text)) }])
    }
    const own = toHex(second.sign(handoverBytes(body)))
    for (const [changed, field] of [
      [{ ...handover.body, signatures: { ...signatures, from: own } }, 'body.signatures.from'],
      [{ ...handover.body, signatures: { ...signatures, to: signatures.from } }, 'body.signatures.to'],
      [{ ...handover.body, root: '00'.repeat(32) }, 'body.root'],
      [{ ...handover.body, size: 1 }, 'body.size'],
      [{ ...handover.body, from: vkeyOf(third) }, 'body.from'],
    ] as const) {
      const some = [...entries.slice(0, 2), encodeRecord({ ...handover, body: changed })]
      const running = follower(vkeyOf(first), both)
      await running.take({ note: noted(some), from: 0, entries: some })
      expect(running.findings.map(({ where, rule }) => `${rule} ${where}`)).toContain(`R64 entry 2 (handover) ${field}`)
    }
    // A log of the new key from the start is another log than the one that the verifier was given.
    const log = open(join(root, 'other'), second)
    await smallRun(log, agent)
    const [note, all] = [await log.checkpoint(), await log.entries(0, 2)]
    await log.close()
    await expect(follower(vkeyOf(first), both).take({ note, from: 0, entries: all })).rejects.toThrow(
      'no handover leads',
    )
  })
})
