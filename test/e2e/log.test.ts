import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { openLogFiles } from '#runtime/log/logFiles.ts'
import { rebuildLog } from '#runtime/log/rebuildLog.ts'
import { appendMessage, startRunMessage } from '#runtime/log/serveLog.ts'
import { type Service, spawnWarrant, WARRANT } from '#runtime/run/spawnWarrant.ts'
import { toHex } from '#verifier/evidence/bytes.ts'
import { encodeRecord, type RecordOf } from '#verifier/evidence/record.ts'
import { parseVkey } from '#verifier/log/signedNote.ts'
import { openProof, parseProof } from '#verifier/log/tlogProof.ts'
import { verifyTree } from '#verifier/log/verifyTree.ts'
import { goVerify, hasGo } from '../conformance/goVerifier.ts'
import { warrant } from '../support/warrant.ts'

// The log, its witnesses and its readers, each in a process of its own.
const root = mkdtempSync(join(tmpdir(), 'warrant-log-e2e-'))
const services: Service[] = []
afterAll(async () => {
  for (const service of services) await service.stop()
  rmSync(root, { recursive: true })
})
const runtime = ed25519Signer(new Uint8Array(32).fill(31))
const stranger = ed25519Signer(new Uint8Array(32).fill(32))
const dir = join(root, 'log')
const ORIGIN = 'e2e.example/log'
const at = (name: string) => join(root, name)

async function start(args: readonly string[]): Promise<Service> {
  const service = await spawnWarrant(args)
  services.push(service)
  return service
}
const serveArgs = (directory: string, ...more: string[]) => [
  ...['log', 'serve', '--dir', directory, '--origin', ORIGIN, '--key', at('log.key')],
  ...['--actor', `runtime=${runtime.publicKeyHex}`, '--publish-every', '50', ...more],
]
async function post(url: string, body: unknown): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}
const incident = (n: number) => ({ what: `event ${n}`, caughtBy: 'test', reason: 'because', evidence: { n } })
const append = (url: string, runId: string, n: number, signer = runtime, key = `step-${n}`) => {
  const part = { runId, actor: 'runtime', kind: 'incident', body: incident(n), parents: [], key }
  return post(`${url}/v1/append?prove=1`, { ...part, signature: toHex(signer.sign(appendMessage(part))) })
}
async function until(what: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000
  while (!(await what())) {
    if (Date.now() > deadline) throw new Error('it did not come')
    await new Promise(resolve => setTimeout(resolve, 25))
  }
}

let log: Service
let vkey = ''
let runId = ''
const witnesses: Service[] = []

describe('a log process', () => {
  test('takes signed appends, each answered with a proof against a fresh checkpoint; strangers are refused', async () => {
    log = await start(serveArgs(dir))
    vkey = log.ready.vkey as string
    const url = log.ready.url as string
    const message = startRunMessage('run-1')
    expect((await post(`${url}/v1/runs`, { key: 'run-1', signature: toHex(stranger.sign(message)) })).status).toBe(403)
    const started = await post(`${url}/v1/runs`, { key: 'run-1', signature: toHex(runtime.sign(message)) })
    runId = started.body.runId as string
    expect(runId).toMatch(/^[0-9a-f]{32}$/)

    expect((await append(url, runId, 0, stranger)).status).toBe(403)
    expect((await append(url, 'f'.repeat(32), 0)).status).toBe(403)
    const key = parseVkey(nodeCrypto, vkey)
    for (let n = 0; n < 5; n++) {
      const { body } = await append(url, runId, n)
      expect(body.index).toBe(n)
      const proof = parseProof(body.proof as string)
      const entries = (await (await fetch(`${url}/v1/entries?from=${n}&to=${n + 1}`)).json()) as { entries: string[] }
      const entry = Buffer.from(entries.entries[0] ?? '', 'base64')
      expect(openProof(nodeCrypto, { proof, entry, key }).size).toBe(n + 1)
      const other = Buffer.from(entry)
      other[10] = (other[10] ?? 0) ^ 1
      expect(() => openProof(nodeCrypto, { proof, entry: other, key })).toThrow('does not stand at index')
    }
    // Signed for one run and one step: an append that somebody else sends again, or under another step, counts once or not.
    const part = { runId, actor: 'runtime', kind: 'incident', body: incident(4), parents: [], key: 'step-4' }
    const signature = toHex(runtime.sign(appendMessage(part)))
    expect((await post(`${url}/v1/append`, { ...part, signature })).body.index).toBe(4)
    expect((await post(`${url}/v1/append`, { ...part, key: 'step-99', signature })).status).toBe(403)
    const { key: _, ...nameless } = part
    expect((await post(`${url}/v1/append`, { ...nameless, signature })).status).toBe(400)
    // The answer was lost, the step is sent again: the same entry, once.
    expect((await append(url, runId, 4)).body.index).toBe(4)
    const changed = await append(url, runId, 9, runtime, 'step-4')
    expect([changed.status, changed.body.message]).toEqual([400, expect.stringContaining('other content')])
  })

  test('serves its tree as tlog-tiles asks, which verifies over HTTP', async () => {
    const url = log.ready.url as string
    await until(
      async () =>
        (await fetch(`${url}/checkpoint`)).ok && (await (await fetch(`${url}/checkpoint`)).text()).includes('\n5\n'),
    )
    const checkpoint = await fetch(`${url}/checkpoint`)
    expect(checkpoint.headers.get('cache-control')).toBe('no-cache')
    expect(checkpoint.headers.get('content-type')).toContain('text/plain')
    const tile = await fetch(`${url}/tile/0/000.p/5`)
    expect(tile.headers.get('cache-control')).toContain('immutable')
    expect(tile.headers.get('content-type')).toBe('application/octet-stream')
    expect((await tile.arrayBuffer()).byteLength).toBe(160)
    for (const path of [
      'tile/0/001',
      'tile/0/0',
      'tile/%2e%2e%2fstate/lock',
      'tile/0/000.p/05',
      'state/lock',
      'blobs/lock',
    ])
      expect((await fetch(`${url}/${path}`)).status, path).toBe(404)
    const verified = warrant(['log', 'verify', url, '--tree', '--vkey', vkey, '--json'])
    expect([verified.status, JSON.parse(verified.stdout).size]).toEqual([0, 5])
    const tail = warrant(['log', 'tail', url, '--vkey', vkey, '--from', '3'])
    expect(
      tail.stdout
        .trim()
        .split('\n')
        .map(line => JSON.parse(line).body.what),
    ).toEqual(['event 3', 'event 4'])
  })

  test('killed and started again it goes on where it was; a second writer is refused', async () => {
    const second = warrant(serveArgs(dir))
    expect([second.status, second.stderr]).toEqual([2, expect.stringContaining('it has one writer')])
    process.kill(log.pid, 'SIGKILL')
    await until(async () => {
      try {
        process.kill(log.pid, 0)
        return false
      } catch {
        return true
      }
    })
    expect(warrant(['log', 'fsck', dir]).status).toBe(0)
    log = await start(serveArgs(dir))
    const url = log.ready.url as string
    expect((await append(url, runId, 4)).body.index).toBe(4)
    expect((await append(url, runId, 5)).body.index).toBe(5)
  })

  test('tail --follow prints what is published, as it is published', async () => {
    const url = log.ready.url as string
    const tail = spawn(process.execPath, [WARRANT, 'log', 'tail', url, '--vkey', vkey, '--from', '5', '--follow'])
    let printed = ''
    tail.stdout.on('data', chunk => {
      printed += chunk
    })
    try {
      await until(async () => printed.includes('"event 5"'))
      await append(url, runId, 6)
      await until(async () => printed.includes('"event 6"'))
      expect(
        printed
          .trim()
          .split('\n')
          .map(line => JSON.parse(line).index),
      ).toEqual([5, 6])
    } finally {
      tail.kill()
    }
  })
})

describe('witnesses', () => {
  const quorum = () => at('quorum')

  test('two cosign what is published; a quorum is demanded, and met', async () => {
    await log.stop()
    for (const n of [1, 2]) {
      const args = ['--key', at(`w${n}.key`), '--state', at(`w${n}.state`), '--log', vkey, '--name', `w${n}.example`]
      witnesses.push(await start(['witness', ...args]))
    }
    const lines = witnesses.map(({ ready }, i) => `witness w${i + 1} ${ready.vkey} ${ready.url}\n`)
    writeFileSync(quorum(), `${lines.join('')}group both all w1 w2\nquorum both\n`)
    cpSync(dir, at('backup'), { recursive: true })
    // Without cosignatures the quorum is not met.
    const before = warrant(['log', 'verify', dir, '--tree', '--vkey', vkey, '--quorum', quorum()])
    expect([before.status, before.stdout]).toEqual([1, expect.stringContaining('is not met')])

    log = await start(serveArgs(dir, '--quorum', quorum()))
    await append(log.ready.url as string, runId, 7)
    await until(async () => (await (await fetch(`${log.ready.url}/checkpoint`)).text()).includes('\n8\n'))
    const note = await (await fetch(`${log.ready.url}/checkpoint`)).text()
    expect(note.match(/^— /gm)?.length).toBe(3)
    await log.stop()
    const after = warrant(['log', 'verify', dir, '--tree', '--vkey', vkey, '--quorum', quorum()])
    expect([after.status, after.stdout]).toEqual([0, expect.stringContaining('8 entries')])
    if (hasGo) expect(goVerify(dir, vkey).output).toContain('ok 8 ')
  })

  test("yesterday's backup refuses to sign", () => {
    const restored = warrant(serveArgs(at('backup'), '--quorum', quorum()))
    expect([restored.status, restored.stderr]).toEqual([2, expect.stringContaining('it was rolled back')])
  })

  test('a split view is found out, and the evidence convinces whoever has the key of the log', async () => {
    // The log's keeper shows the second witness another tree: same key, same size, another third entry.
    const entries: Uint8Array[] = []
    const key = parseVkey(nodeCrypto, vkey)
    await verifyTree({ files: openLogFiles(dir), crypto: nodeCrypto, key }, entry => void entries.push(entry.slice()))
    const forged = [...entries]
    const record = JSON.parse(Buffer.from(forged[2] as Uint8Array).toString()) as RecordOf<'incident'>
    forged[2] = encodeRecord({ ...record, body: incident(99) })
    const signer = ed25519Signer(new Uint8Array(Buffer.from(readFileSync(at('log.key'), 'utf8').trim(), 'hex')))
    await rebuildLog({ dir: at('forged'), origin: ORIGIN, signer, entries: forged })
    const shownTo = warrant([
      'log',
      'compare',
      dir,
      join(at('forged'), 'checkpoint'),
      '--vkey',
      vkey,
      '--out',
      at('split.json'),
    ])
    expect([shownTo.status, shownTo.stdout]).toEqual([1, expect.stringContaining('signed two trees of 8 entries')])
    // A third party has the evidence and the key alone.
    const told = warrant(['log', 'compare', at('nothing'), at('split.json'), '--vkey', vkey])
    expect([told.status, told.stdout]).toEqual([1, expect.stringContaining('signed two trees')])

    // The same with trees of different sizes, and with what a witness itself remembers.
    await rebuildLog({ dir: at('shorter'), origin: ORIGIN, signer, entries: forged.slice(0, 5) })
    const shorter = warrant([
      'log',
      'compare',
      dir,
      join(at('shorter'), 'checkpoint'),
      '--vkey',
      vkey,
      '--out',
      at('split2.json'),
    ])
    expect([shorter.status, shorter.stdout]).toEqual([1, expect.stringContaining('whose first 5 are others')])
    const honest = warrant(['log', 'compare', dir, witnesses[0]?.ready.url as string, '--vkey', vkey])
    expect([honest.status, honest.stdout]).toEqual([0, expect.stringContaining('one tree')])
    // Evidence that shows nothing convinces nobody.
    const empty = JSON.parse(readFileSync(at('split2.json'), 'utf8'))
    writeFileSync(at('none.json'), JSON.stringify({ ...empty, smaller: empty.larger }))
    expect(warrant(['log', 'compare', dir, at('none.json'), '--vkey', vkey]).status).toBe(2)
  })

  test('a witness that is shown the forged tree refuses it, also after a restart', async () => {
    const note = readFileSync(join(at('forged'), 'checkpoint'), 'utf8')
    const ask = (url: string) => fetch(`${url}/add-checkpoint`, { method: 'POST', body: `old 8\n\n${note}` })
    expect((await ask(witnesses[0]?.ready.url as string)).status).toBe(422)
    await witnesses[0]?.stop()
    const args = ['--key', at('w1.key'), '--state', at('w1.state'), '--log', vkey, '--name', 'w1.example']
    const again = await start(['witness', ...args])
    expect((await ask(again.ready.url as string)).status).toBe(422)
    await again.stop()
    writeFileSync(at('w1.state'), '[{')
    const damaged = warrant(['witness', ...args])
    expect([damaged.status, damaged.stderr]).toEqual([2, expect.stringContaining('state is damaged')])
  })
})
