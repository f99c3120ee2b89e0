import { cpSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fastify from 'fastify'
import { afterAll, describe, expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { readYaml } from '#config/loadConfig.ts'
import { type Ed25519Signer, ed25519Signer, openEd25519Key } from '#runtime/crypto/ed25519Key.ts'
import { openKeyRing } from '#runtime/crypto/keyRing.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { demoPolicy } from '#runtime/demo/demoPolicy.ts'
import { createCosigner } from '#runtime/log/cosigner.ts'
import { createWitness } from '#runtime/log/createWitness.ts'
import { openLogFiles } from '#runtime/log/logFiles.ts'
import { openLog } from '#runtime/log/openLog.ts'
import { parseWitnessedLogs } from '#runtime/log/witnessedLogs.ts'
import { ed25519Witness } from '#runtime/log/witnessKeys.ts'
import { addWitnessRoutes } from '#runtime/log/witnessRoutes.ts'
import { openRunKeys } from '#runtime/run/openRun.ts'
import { recoverRuns } from '#runtime/run/recoverRuns.ts'
import { verifyLog } from '#verifier/audit/verifyLog.ts'
import { utf8 } from '#verifier/evidence/bytes.ts'
import { decodeRecord } from '#verifier/evidence/record.ts'
import { parseQuorum } from '#verifier/log/quorum.ts'
import { formatRetired, openRetired } from '#verifier/log/retired.ts'
import { formatNote, formatVkey, noteKey, parseNote } from '#verifier/log/signedNote.ts'
import { type Policy, parsePolicy } from '#verifier/policy/policy.ts'
import { listedWorkers } from '#verifier/proof/listedWorkers.ts'
import { cosignedBy } from '#verifier/service/cosignedBy.ts'
import { commandHere } from '../../support/commandHere.ts'
import { smallRun } from './smallRun.ts'

// Each kind of key gives way to another by command, and what was begun under the old one is ended, read and counted.
const root = mkdtempSync(join(tmpdir(), 'warrant-rotation-'))
afterAll(() => rmSync(root, { recursive: true }))
let next = 0
const freshDir = () => mkdtempSync(join(root, `${next++}-`))
const DAY_MS = 86_400_000
const UNTIL = new Date(Date.now() + 30 * DAY_MS).toISOString().slice(0, 10)
const untilMs = Date.parse(UNTIL)
const ORIGIN = 'rotated.example/log'
const clock = { nowMs: () => Date.now() }
const a = (byte: number) => `0x${byte.toString(16).padStart(2, '0').repeat(20)}`

/** A policy file that lists these keys, with a comment that must survive. */
function policyFile(
  dir: string,
  keys: { agent: Ed25519Signer; worker: Ed25519Signer; logKey: string },
  witness?: string,
) {
  const made = demoPolicy({
    chain: {
      ...{ chainId: 31_337, safe: a(1), module: a(2), guard: null, router: a(3) },
      pool: { address: a(4), token0: a(5), token1: a(6), feePips: 500 },
      tokens: [
        { symbol: 'A', address: a(5), decimals: 6 },
        { symbol: 'B', address: a(6), decimals: 18 },
      ],
    },
    ...{ logKey: keys.logKey, agentKey: keys.agent.publicKeyHex, executor: a(7), strategies: [], models: [] },
    workers: [{ publicKey: keys.worker.publicKeyHex, operator: 'acme' }],
  })
  const witnesses = witness === undefined ? {} : { witnesses: { aboveUsd: 1, threshold: 1, keys: [witness] } }
  const file = join(dir, 'policy.yaml')
  writeFileSync(file, `# agreed upon in vote 7\n${stringify({ ...made, ...witnesses })}`)
  return file
}
const read = (file: string): Policy => parsePolicy(readYaml(file), file)
const run = async (...args: string[]) => {
  const { status, stdout, stderr } = await commandHere(['keys', 'rotate', ...args, '--json'])
  return { status, stderr, said: status === 0 ? (JSON.parse(stdout) as Record<string, unknown>) : {} }
}
const open = (dir: string, signer: Ed25519Signer, cosigner: Parameters<typeof openLog>[0]['cosigner'] = null) =>
  openLog({ dir, origin: ORIGIN, signer, clock, cosigner })
const verified = async (dir: string, signer: Ed25519Signer) => {
  const key = noteKey(nodeCrypto, ORIGIN, signer.publicKey)
  return verifyLog({ files: openLogFiles(dir), crypto: nodeCrypto, key })
}

describe('an agent', () => {
  test('takes a new key: the run that was cut off is ended by the old one, and the next one follows it in the log', async () => {
    const dir = freshDir()
    const [keys, logDir, agentKey] = [openRunKeys(join(dir, 'keys')), join(dir, 'log'), join(dir, 'keys', 'agent.key')]
    const logKey = formatVkey(noteKey(nodeCrypto, ORIGIN, keys.log.publicKey))
    const policy = policyFile(dir, { ...keys, logKey })
    const log = open(logDir, keys.log)
    const cutOff = await smallRun(log, keys.agent, { closed: false })
    await log.close()

    const prepared = await run('agent', '--key', agentKey, '--policy', policy, '--until', UNTIL)
    expect([prepared.status, prepared.said.before]).toEqual([0, keys.agent.publicKeyHex])
    // Not before the owners have set it.
    const early = await run('agent', '--key', agentKey, '--policy', policy, '--now')
    expect([early.status, early.stderr]).toEqual([2, expect.stringContaining('does not list')])
    expect(readFileSync(`${policy}.next`, 'utf8')).toMatch(/^# agreed upon in vote 7\n/)
    renameSync(`${policy}.next`, policy)
    const fresh = openEd25519Key(`${agentKey}.next`)
    expect(read(policy).identities.agents).toEqual([
      { publicKey: keys.agent.publicKeyHex, untilMs },
      { publicKey: fresh.publicKeyHex, fromMs: expect.any(Number) },
    ])
    expect((await run('agent', '--key', agentKey, '--policy', policy, '--now')).status).toBe(0)
    expect(existsSync(`${agentKey}.next`)).toBe(false)

    const after = openRunKeys(join(dir, 'keys'))
    expect([after.agent.publicKeyHex, after.pastAgents?.map(k => k.publicKeyHex)]).toEqual([
      fresh.publicKeyHex,
      [keys.agent.publicKeyHex],
    ])
    const again = open(logDir, keys.log)
    const recovered = await recoverRuns({
      ...{ log: again, author: after.agent, pastAuthors: after.pastAgents ?? [], treasury: null },
    })
    expect(recovered.map(({ runId }) => runId)).toEqual([cutOff])
    await smallRun(again, after.agent)
    await again.close()
    const report = await verified(logDir, keys.log)
    expect([report.findings, report.open, report.records.run]).toEqual([[], [], 2])
  })

  test('says whose run it cannot end when the old key is gone', async () => {
    const dir = freshDir()
    const [old, fresh] = [1, 2].map(byte => ed25519Signer(new Uint8Array(32).fill(byte))) as [
      Ed25519Signer,
      Ed25519Signer,
    ]
    const log = open(dir, old)
    await smallRun(log, old, { closed: false })
    await expect(recoverRuns({ log, author: fresh, treasury: null })).rejects.toThrow(
      `was begun under the key ${old.publicKeyHex}`,
    )
    await log.close()
  })
})

describe('a worker', () => {
  test('has another beside it: receipts of both count as of one operator, the old one`s until its day', async () => {
    const dir = freshDir()
    const key = join(dir, 'worker.key')
    const worker = openEd25519Key(key)
    const agent = ed25519Signer(new Uint8Array(32).fill(1))
    const logKey = formatVkey(noteKey(nodeCrypto, ORIGIN, agent.publicKey))
    const policy = policyFile(dir, { agent, worker, logKey })
    const config = join(dir, 'gateway.yaml')
    const listed = { id: 'gpu-1', operator: 'acme', publicKey: worker.publicKeyHex, attested: true }
    writeFileSync(config, stringify({ redis: 'redis://127.0.0.1', workers: [listed] }))
    const prepared = await run('worker', '--key', key, '--policy', policy, '--config', config, '--until', UNTIL)
    expect([prepared.status, prepared.stderr]).toEqual([0, ''])
    const { workers } = parse(readFileSync(`${config}.next`, 'utf8')) as { workers: (typeof listed)[] }
    const fresh = openEd25519Key(`${key}.next`).publicKeyHex
    expect(workers).toEqual([listed, { ...listed, id: `gpu-1-${fresh.slice(0, 8)}`, publicKey: fresh }])
    const drafted = read(`${policy}.next`)
    const at = (ms: number) =>
      listedWorkers(drafted, workers, ms).map(({ publicKey, operator }) => [publicKey, operator])
    expect(at(Date.now())).toEqual([
      [worker.publicKeyHex, 'acme'],
      [fresh, 'acme'],
    ])
    expect(at(untilMs + 1)).toEqual([[fresh, 'acme']])
    expect((await run('worker', '--key', key, '--policy', `${policy}.next`, '--now')).status).toBe(0)
    expect(openKeyRing(key).map(({ publicKeyHex }) => publicKeyHex)).toEqual([fresh, worker.publicKeyHex])
    // Once more, from the drafts: ids stay short.
    renameSync(`${policy}.next`, policy)
    renameSync(`${config}.next`, config)
    await run('worker', '--key', key, '--policy', policy, '--config', config)
    const third = openEd25519Key(`${key}.next`).publicKeyHex
    expect(readFileSync(`${config}.next`, 'utf8')).toContain(`id: gpu-1-${third.slice(0, 8)}`)
  })
})

describe('a witness', () => {
  test('cosigns by two keys, counts once, and goes on by the new one over the tree that the old one saw', async () => {
    const dir = freshDir()
    const key = join(dir, 'w.key')
    const old = openEd25519Key(key)
    const name = 'w.example/1'
    const logSigner = ed25519Signer(new Uint8Array(32).fill(1))
    const vkey = formatVkey(noteKey(nodeCrypto, ORIGIN, logSigner.publicKey))
    const policy = policyFile(dir, { agent: old, worker: old, logKey: vkey }, formatVkey(ed25519Witness(name, old).key))
    const start = async (...signers: Ed25519Signer[]) => {
      const witness = createWitness({
        signers: signers.map(signer => ed25519Witness(name, signer)),
        ...{ logs: parseWitnessedLogs([vkey]), stateFile: join(dir, 'state'), clock },
      })
      const app = fastify()
      addWitnessRoutes(app, witness)
      await app.listen({ host: '127.0.0.1', port: 0 })
      return { app, url: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}` }
    }
    const quorum = join(dir, 'quorum')
    const others = [7, 8].map(byte => {
      const { key: other } = ed25519Witness(`o${byte}`, ed25519Signer(new Uint8Array(32).fill(byte)))
      return `witness o${byte} ${formatVkey(other)}`
    })
    writeFileSync(
      quorum,
      [
        `witness w1 ${formatVkey(ed25519Witness(name, old).key)} http://127.0.0.1:1`,
        ...others,
        'group most 2 w1 o7 o8',
        'quorum most',
        '',
      ].join('\n'),
    )
    const args = ['witness', '--key', key, '--name', name, '--quorum', quorum, '--policy', policy, '--until', UNTIL]
    expect((await run(...args)).status).toBe(0)
    const fresh = openEd25519Key(`${key}.next`)
    const drafted = read(`${policy}.next`)
    // It stands in the quorum once, though two of its keys cosign.
    const text = readFileSync(`${quorum}.next`, 'utf8')
    expect(text).toContain('group w1 any w1-before w1-after')
    const cosign = async (url: string) => {
      const asked = parseQuorum(nodeCrypto, text.replaceAll('http://127.0.0.1:1', url))
      const log = open(join(dir, 'log'), logSigner, createCosigner(asked, { deadlineMs: 60_000, graceMs: 60_000 }))
      await smallRun(log, old)
      const note = await log.checkpoint()
      await log.close()
      return { note, names: asked.check(nodeCrypto, parseNote(note)) }
    }
    const both = await start(old, fresh)
    const { note, names } = await cosign(both.url)
    await both.app.close()
    expect([names.met, names.cosigned.map(w => w.name)]).toEqual([false, ['w1-before', 'w1-after']])
    expect(cosignedBy(nodeCrypto, { note, policy: drafted, nowMs: Date.now() })).toHaveLength(1)
    expect(cosignedBy(nodeCrypto, { note, policy: drafted, nowMs: untilMs + 1 })).toHaveLength(1)

    expect((await run(...args.slice(0, 5), '--now', '--policy', `${policy}.next`)).status).toBe(0)
    const alone = await start(openEd25519Key(key))
    const later = await cosign(alone.url)
    await alone.app.close()
    expect(later.names.cosigned.map(w => w.name)).toEqual(['w1-after'])
    // What the old key cosigned counts until its day, and no longer.
    const alsoOld = await (async () => {
      const only = await start(old)
      const said = await cosign(only.url)
      await only.app.close()
      return said.note
    })()
    expect(cosignedBy(nodeCrypto, { note: alsoOld, policy: drafted, nowMs: Date.now() })).toHaveLength(1)
    expect(cosignedBy(nodeCrypto, { note: alsoOld, policy: drafted, nowMs: untilMs + 1 })).toHaveLength(0)
  })
})

describe('a log', () => {
  test('is handed over by command, with what it says of payloads that it dropped; begun again after a crash it goes on', async () => {
    const dir = freshDir()
    const [key, logDir] = [join(dir, 'keys', 'log.key'), join(dir, 'log')]
    const old = openEd25519Key(key)
    const vkey = formatVkey(noteKey(nodeCrypto, ORIGIN, old.publicKey))
    const policy = policyFile(dir, { agent: old, worker: old, logKey: vkey })
    const log = open(logDir, old)
    await smallRun(log, old)
    await log.close()
    const text = formatRetired(ORIGIN, ['ab'.repeat(32)])
    const { name, id } = noteKey(nodeCrypto, ORIGIN, old.publicKey)
    writeFileSync(join(logDir, 'retired'), formatNote(text, [{ name, id, signature: old.sign(utf8(text)) }]))
    const args = ['log', '--key', key, '--log', logDir, '--policy', policy]
    expect((await run(...args, '--until', UNTIL)).status).toBe(0)
    renameSync(`${policy}.next`, policy)
    // A crash after the handover, before the keys are in their places.
    const crashed = freshDir()
    cpSync(dir, crashed, { recursive: true })
    const fresh = openEd25519Key(`${key}.next`)
    expect((await run(...args, '--now')).said).toMatchObject({ size: 3, before: vkey })
    rmSync(join(crashed, 'log'), { recursive: true })
    cpSync(logDir, join(crashed, 'log'), { recursive: true })
    const again = ['log', '--key', join(crashed, 'keys', 'log.key'), '--log', join(crashed, 'log'), '--policy', policy]
    expect((await run(...again, '--now')).said).toMatchObject({ size: 3 })
    for (const at of [dir, crashed]) {
      expect(openEd25519Key(join(at, 'keys', 'log.key')).publicKeyHex).toBe(fresh.publicKeyHex)
      expect((await verified(join(at, 'log'), fresh)).findings).toEqual([])
    }
    const note = readFileSync(join(logDir, 'retired'), 'utf8')
    for (const signer of [old, fresh])
      expect(openRetired(nodeCrypto, note, noteKey(nodeCrypto, ORIGIN, signer.publicKey)).size).toBe(1)
    // It goes on under the key that stands in the old one's place.
    const on = open(logDir, openEd25519Key(key))
    await smallRun(on, old)
    const kinds = (await on.entries(0, on.size)).map(entry => decodeRecord(entry).kind)
    await on.close()
    expect(kinds).toEqual(['run', 'close', 'handover', 'run', 'close'])
  })

  test('is not handed over while its writer runs, nor to a key that the policy does not list', async () => {
    const dir = freshDir()
    const key = join(dir, 'log.key')
    const log = open(join(dir, 'log'), openEd25519Key(key))
    await log.publish()
    const policy = policyFile(dir, { agent: openEd25519Key(key), worker: openEd25519Key(key), logKey: log.vkey })
    const args = ['log', '--key', key, '--log', join(dir, 'log')]
    expect((await run(...args, '--now')).stderr).toContain('prepare the rotation first')
    await run(...args, '--policy', policy)
    expect((await run(...args, '--policy', policy, '--now')).stderr).toContain('does not list')
    const locked = await run(...args, '--now')
    expect([locked.status, locked.stderr]).toEqual([2, expect.stringContaining('has this log')])
    await log.close()
    expect(openEd25519Key(key).publicKey).toEqual(openKeyRing(key)[0].publicKey)
  })
})

test('keys on chain, and kinds that are none, are refused', async () => {
  for (const kind of ['verifier', 'executor', 'x'])
    expect((await run(kind, '--key', join(root, 'none'))).stderr).toContain('others are on chain')
  expect((await run('agent', '--key', join(root, 'none'))).stderr).toContain('no such key file')
})
