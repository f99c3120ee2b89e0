import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mnemonicToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Anvil, DEV_MNEMONIC, startAnvil } from '#runtime/chain/devnet/startAnvil.ts'
import { openEd25519Key } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { openLogFiles } from '#runtime/log/logFiles.ts'
import { rebuildLog } from '#runtime/log/rebuildLog.ts'
import { type Service, spawnWarrant } from '#runtime/run/spawnWarrant.ts'
import { parseVkey } from '#verifier/log/signedNote.ts'
import { verifyTree } from '#verifier/log/verifyTree.ts'
import { commandHere } from '../support/commandHere.ts'
import { warrant } from '../support/warrant.ts'

// One log, read by every command, wherever it lies: whose it must be, who must speak for it, what is chosen of it.
const root = mkdtempSync(join(tmpdir(), 'warrant-reading-'))
const at = (name: string) => join(root, name)
const log = at('run/log')
let vkey = ''
let size = 0
let anvil: Anvil
let server: Server
let url = ''
const witnesses: Service[] = []

beforeAll(async () => {
  const ran = warrant(['backtest', 'trend-follower', '--decisions', '12', '--out', at('run'), '--json'])
  expect(ran.status, ran.stderr).toBe(0)
  ;({ vkey, size } = JSON.parse(ran.stdout).log)
  mkdirSync(at('desk'))
  for (const [name, args] of Object.entries({
    'whole.bundle': [],
    'part.bundle': ['--from', '5', '--to', '20'],
    'one.warrant': ['--decision', '3'],
  })) {
    const made = await commandHere(['log', 'export', log, '--vkey', vkey, '--out', at(name), ...args])
    expect(made.status, made.stderr).toBe(0)
  }
  const files = openLogFiles(log)
  server = createServer(async (request, response) => {
    const path = (request.url ?? '/').slice(1)
    const bytes =
      path === 'blobs/'
        ? Buffer.from('pack-000000\n')
        : path.startsWith('state')
          ? null
          : await files.read(path).catch(() => null)
    response.writeHead(bytes === null ? 404 : 200).end(bytes)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}, 120_000)
afterAll(async () => {
  for (const witness of witnesses) await witness.stop()
  await anvil?.stop()
  server?.closeAllConnections()
  server?.close()
  rmSync(root, { recursive: true })
})

const inOneDocument = async (args: string[]) => {
  const { status, stdout, stderr } = await commandHere([...args, '--json'])
  return { status, stderr, document: stdout === '' ? null : JSON.parse(stdout) }
}

describe('whose log it is', () => {
  const commands: [string, () => string[]][] = [
    ['log verify', () => ['log', 'verify', log]],
    ['log show', () => ['log', 'show', log]],
    ['log tail', () => ['log', 'tail', log]],
    ['log export', () => ['log', 'export', log, '--out', at('never.bundle')]],
    ['log export --decision', () => ['log', 'export', log, '--decision', '3', '--out', at('never.warrant')]],
    ['replay', () => ['replay', log]],
    ['explain', () => ['explain', '3', '--log', log]],
    ['show', () => ['show', log]],
    ['show of a .warrant', () => ['show', at('one.warrant')]],
    ['replay of a bundle', () => ['replay', at('whole.bundle')]],
    ['log verify over HTTP', () => ['log', 'verify', url]],
    ['audit', () => ['audit', log, '--rpc', 'http://127.0.0.1:1']],
  ]
  test.each(commands)('%s takes no key from the log itself: exit 2, with what to do', async (_name, args) => {
    const { status, stdout, stderr } = await commandHere(args())
    expect([status, stdout]).toEqual([2, ''])
    expect(stderr).toContain('nothing that you trust says whose it is')
    expect(stderr).toContain('--vkey KEY')
    expect(stderr).toContain('warrant.pins')
  })

  test('a file of pins says it, in the working directory or named; the log its own directory never', () => {
    const cwd = at('desk')
    const added = warrant(['log', 'pin', vkey], { cwd })
    expect([added.status, added.stderr]).toEqual([0, expect.stringContaining('pinned')])
    expect(readFileSync(join(cwd, 'warrant.pins'), 'utf8')).toBe(`${vkey}\n`)
    const verified = warrant(['log', 'verify', log, '--json'], { cwd })
    expect(verified.status).toBe(0)
    expect(JSON.parse(verified.stdout)).toMatchObject({ ok: true, keyPinned: true, keyPinnedBy: 'warrant.pins' })
    const own = at('own')
    cpSync(log, own, { recursive: true })
    writeFileSync(join(own, 'warrant.pins'), `${vkey}\n`)
    for (const refused of [
      warrant(['log', 'verify', own], { cwd: own }),
      warrant(['log', 'verify', own, '--vkey-file', join(own, 'vkey')]),
    ])
      expect([refused.status, refused.stderr]).toEqual([2, expect.stringContaining("lies in the log's own directory")])
  })

  test('a link out of the log does not pin it either; a line that is no key is named', async () => {
    symlinkSync(join(at('own'), 'vkey'), at('linked.pins'))
    const linked = await commandHere(['log', 'verify', at('own'), '--vkey-file', at('linked.pins')])
    expect([linked.status, linked.stderr]).toEqual([2, expect.stringContaining("lies in the log's own directory")])
    writeFileSync(at('bad.pins'), `# mine\n${vkey}\nhunter2\n`)
    const bad = await commandHere(['log', 'verify', log, '--vkey-file', at('bad.pins')])
    expect([bad.status, bad.stderr]).toEqual([2, expect.stringContaining('bad.pins:3: ')])
    const missing = await commandHere(['log', 'verify', log, '--vkey-file', at('no.pins')])
    expect([missing.status, missing.stderr]).toEqual([2, expect.stringContaining('no such file of keys')])
  })

  test("a copy that a stranger signed under the log's own name: exit 1 where the name is pinned", async () => {
    const entries: Uint8Array[] = []
    const key = parseVkey(nodeCrypto, vkey)
    await verifyTree({ files: openLogFiles(log), crypto: nodeCrypto, key }, entry => void entries.push(entry.slice()))
    const signer = openEd25519Key(at('stranger.key'))
    await rebuildLog({ dir: at('copy'), origin: key.name, signer, entries })
    cpSync(join(log, 'blobs'), join(at('copy'), 'blobs'), { recursive: true })
    writeFileSync(at('my.pins'), `${vkey}\n`)
    for (const command of [
      ['log', 'verify', at('copy')],
      ['replay', at('copy')],
      ['log', 'export', at('copy'), '--out', at('x')],
    ]) {
      const { status, stdout, stderr } = await commandHere([...command, '--vkey-file', at('my.pins')])
      expect([command[0], status, stdout + stderr]).toEqual([
        command[0],
        1,
        expect.stringContaining('is not signed by'),
      ])
    }
  })
})

describe('who must speak for it', () => {
  const quorum = () => at('quorum')
  beforeAll(async () => {
    for (const n of [1, 2, 3]) {
      const args = ['--key', at(`w${n}.key`), '--state', at(`w${n}.state`), '--log', vkey, '--name', `w${n}.example`]
      witnesses.push(await spawnWarrant(['witness', ...args]))
    }
    const lines = witnesses.map(({ ready }, i) => `witness w${i + 1} ${ready.vkey} ${i < 2 ? ready.url : ''}\n`)
    writeFileSync(quorum(), `${lines.join('')}group two 2 w1 w2 w3\nquorum two\n`)
    cpSync(log, at('cosigned'), { recursive: true })
    const fed = warrant(['witness', 'feed', at('cosigned'), '--vkey', vkey, '--quorum', quorum()])
    expect(fed.status, fed.stderr).toBe(0)
    for (const [name, args] of [
      ['cosigned.bundle', []],
      ['cosigned.warrant', ['--decision', '3']],
    ] as const) {
      const made = await commandHere(['log', 'export', at('cosigned'), '--vkey', vkey, '--out', at(name), ...args])
      expect(made.status, made.stderr).toBe(0)
    }
    writeFileSync(at('witness.pins'), `${vkey}\n${witnesses[0]?.ready.vkey}\n`)
  }, 120_000)
  const third = () => witnesses[2]?.ready.vkey as string

  test('of a directory, a bundle and a .warrant: met is 0, not met 1, and cannot be asked 2', async () => {
    for (const where of [at('cosigned'), at('cosigned.bundle'), at('cosigned.warrant')]) {
      const asked = (...more: string[]) => inOneDocument(['log', 'verify', where, '--vkey', vkey, ...more])
      const two = await asked('--quorum', quorum(), '--require-witness', '2')
      expect(two).toMatchObject({
        status: 0,
        document: { ok: true, unmet: [], witnessed: true, witnesses: { known: 3 } },
      })
      expect(two.document.witnesses.cosigned.map(({ name }: { name: string }) => name)).toEqual(['w1', 'w2'])
      expect(await asked('--require-witness', witnesses[0]?.ready.vkey as string)).toMatchObject({ status: 0 })
      const absent = await asked('--require-witness', third())
      expect(absent).toMatchObject({
        status: 1,
        document: { ok: false, findings: [], unmet: [expect.stringContaining('has not cosigned')] },
      })
      expect(await asked('--quorum', quorum(), '--require-witness', 'w3')).toMatchObject({ status: 1 })
      expect(await asked('--quorum', quorum(), '--require-witness', '3')).toMatchObject({ status: 1 })
      // Nobody said who that is: no answer.
      for (const [who, why] of [
        ['w9', 'no key of that witness'],
        ['4', 'the keys of 3 witnesses are known'],
        ['0', 'at least 1'],
      ] as const) {
        const cannot = await asked('--quorum', quorum(), '--require-witness', who)
        expect(cannot).toMatchObject({ status: 2, document: null, stderr: expect.stringContaining(why) })
      }
    }
  })

  test('each command asks: explain, show, log show, export, replay', async () => {
    for (const command of [
      ['explain', '3', '--log', log],
      ['show', log],
      ['log', 'show', log],
      ['replay', log],
      ['log', 'export', log, '--out', at('unmet.bundle')],
      ['log', 'export', log, '--decision', '3', '--out', at('unmet.warrant')],
      ['log', 'tail', log],
    ]) {
      const name = command.slice(0, 2).join(' ')
      const asked = await commandHere([...command, '--vkey', vkey, '--require-witness', third()])
      expect([name, asked.status, asked.stdout + asked.stderr]).toEqual([
        name,
        1,
        expect.stringContaining('has not cosigned'),
      ])
    }
    const page = await commandHere([
      'explain',
      '3',
      '--log',
      at('cosigned'),
      '--vkey-file',
      at('witness.pins'),
      '--require-witness',
      'w1.example',
    ])
    expect([page.status, page.stdout]).toEqual([0, expect.stringContaining('cosigned by w1.example at')])
    expect(page.stdout).not.toContain('cannot be seen')
  })

  test('an anchor: what its publisher anchored must be a prefix of the log; a fork is exit 1', async () => {
    anvil = await startAnvil({ chainId: 31_337, startSeconds: 1_700_000_000 })
    const account = mnemonicToAccount(DEV_MNEMONIC)
    writeFileSync(at('anchor.key'), `0x${Buffer.from(account.getHdKey().privateKey as Uint8Array).toString('hex')}\n`, {
      mode: 0o600,
    })
    const sent = await inOneDocument(['log', 'anchor', log, '--rpc', anvil.url, '--key', at('anchor.key'), '--deploy'])
    expect(sent.status, sent.stderr).toBe(0)
    const { contract, publisher } = sent.document
    const anchored = ['--require-anchor', contract, '--publisher', publisher, '--rpc', anvil.url]
    for (const where of [log, at('whole.bundle'), url, at('one.warrant')]) {
      const { status, document } = await inOneDocument(['log', 'verify', where, '--vkey', vkey, ...anchored])
      expect([where, status, document?.anchor]).toEqual([where, 0, expect.objectContaining({ size, unmet: null })])
    }
    const stranger = `0x${'12'.repeat(20)}`
    const nobody = await inOneDocument(['replay', log, '--vkey', vkey, ...anchored.with(3, stranger)])
    expect(nobody).toMatchObject({
      status: 1,
      document: { ok: false, unmet: [expect.stringContaining('has anchored nothing')] },
    })
    // The keeper of the log's key signs another tree of the same size.
    const entries: Uint8Array[] = []
    const key = parseVkey(nodeCrypto, vkey)
    await verifyTree({ files: openLogFiles(log), crypto: nodeCrypto, key }, entry => void entries.push(entry.slice()))
    const signer = openEd25519Key(at('run/keys/log.key'))
    await rebuildLog({ dir: at('shorter'), origin: key.name, signer, entries: entries.slice(0, -1) })
    cpSync(join(log, 'blobs'), join(at('shorter'), 'blobs'), { recursive: true })
    const back = await inOneDocument(['log', 'verify', at('shorter'), '--vkey', vkey, ...anchored])
    expect(back).toMatchObject({ status: 1, document: { unmet: [expect.stringContaining('rolled back')] } })
    for (const [args, why] of [
      [anchored.slice(0, 4), 'give --rpc URL'],
      [[...anchored.slice(0, 2), ...anchored.slice(4)], '--publisher ADDRESS'],
      [anchored.with(1, 'here'), 'is no address'],
      [anchored.slice(2), 'goes with --require-anchor'],
    ] as const) {
      const cannot = await commandHere(['log', 'verify', log, '--vkey', vkey, ...args])
      expect([cannot.status, cannot.stderr]).toEqual([2, expect.stringContaining(why)])
    }
  })
})

describe('wherever it lies', () => {
  const places = () => [log, at('whole.bundle'), url]

  test('directory, bundle and URL give the same: verify, show, explain, replay, export', async () => {
    const all = []
    for (const [i, where] of places().entries()) {
      const verified = await inOneDocument(['log', 'verify', where, '--vkey', vkey])
      const shown = await inOneDocument(['log', 'show', where, '--vkey', vkey, '--kind', 'decision'])
      const explained = await inOneDocument(['explain', '3', '--log', where, '--vkey', vkey])
      const replayed = await inOneDocument(['replay', where, '--vkey', vkey])
      const out = at(`again-${i}.bundle`)
      const exported = await commandHere(['log', 'export', where, '--vkey', vkey, '--out', out])
      expect([verified, shown, explained, replayed, exported].map(({ status }) => status)).toEqual([0, 0, 0, 0, 0])
      all.push([
        verified.document.root,
        verified.document.records,
        shown.document,
        explained.document.decision,
        replayed.document.identical,
        createHash('sha256').update(readFileSync(out)).digest('hex'),
      ])
    }
    expect(all[1]).toEqual(all[0])
    expect(all[2]).toEqual(all[0])
  })

  test('a .warrant: shown, verified, explained, listed, cut again, replayed from the file alone', async () => {
    const file = at('one.warrant')
    const commands = [
      ['log', 'verify', file],
      ['show', file],
      ['explain', '3', '--log', file],
      ['log', 'show', file, '--kind', 'decision'],
      ['log', 'export', file, '--decision', '3', '--out', at('again.warrant')],
    ]
    for (const command of commands) {
      const { status, stdout, stderr } = await commandHere([...command, '--vkey', vkey])
      expect([command.slice(0, 2), status, stderr]).toEqual([command.slice(0, 2), 0, stderr])
      expect(stdout + stderr).toContain('what else was logged is not in the file')
    }
    expect(readFileSync(at('again.warrant')).equals(readFileSync(file))).toBe(true)
    const replayed = await inOneDocument(['replay', file, '--vkey', vkey])
    expect(replayed).toMatchObject({ status: 0, document: { identical: 1, diverged: 0, findings: [] } })
    const bare = await commandHere([
      'log',
      'export',
      log,
      '--vkey',
      vkey,
      '--decision',
      '3',
      '--no-payloads',
      '--out',
      at('bare.warrant'),
    ])
    expect(bare.status, bare.stderr).toBe(0)
    const cannot = await commandHere(['replay', at('bare.warrant'), '--vkey', vkey])
    expect([cannot.status, cannot.stderr]).toEqual([2, expect.stringContaining('exported without payloads')])
  })

  test('a range: shown and verified; what needs the rest of the log says so, with 2', async () => {
    const file = at('part.bundle')
    expect(await inOneDocument(['log', 'verify', file, '--vkey', vkey])).toMatchObject({
      status: 0,
      document: { range: { from: 5, to: 20 } },
    })
    const shown = await inOneDocument(['log', 'show', file, '--vkey', vkey])
    expect(shown.document.map(({ index }: { index: number }) => index)).toEqual(
      Array.from({ length: 15 }, (_, i) => 5 + i),
    )
    for (const command of [
      ['replay', file],
      ['log', 'export', file, '--out', at('y')],
      ['log', 'export', file, '--decision', '3', '--out', at('y')],
      ['log', 'tail', file],
    ]) {
      const { status, stderr } = await commandHere([...command, '--vkey', vkey])
      expect([command[0], status, stderr]).toEqual([command[0], 2, expect.stringMatching(/alone|holds a (part|range)/)])
    }
  })

  test('what is none of these is said to be none', async () => {
    writeFileSync(at('text'), 'hello')
    writeFileSync(at('old.warrant'), readFileSync(at('one.warrant'), 'utf8').replace('"v":2,"vkey"', '"v":1,"vkey"'))
    for (const [where, status, why] of [
      [at('nowhere'), 2, 'no such log directory, and no such bundle or .warrant'],
      [root, 2, 'holds no checkpoint'],
      ['ftp://example.org/log', 2, 'http:// or https:// only'],
      ['http://127.0.0.1:1/log', 2, '127.0.0.1:1'],
      [at('text'), 1, 'ends without the end of an archive'],
      [at('old.warrant'), 1, 'is of version 1'],
    ] as const) {
      const { status: ended, stdout, stderr } = await commandHere(['log', 'verify', where, '--vkey', vkey])
      expect([where, ended, stdout + stderr]).toEqual([where, status, expect.stringContaining(why)])
    }
  })
})

describe('what is chosen of it', () => {
  const shown = async (...filters: string[]) =>
    (await inOneDocument(['log', 'show', log, '--vkey', vkey, ...filters])).document

  test('records by kind, answer, time, run, agent, text', async () => {
    const all = await shown()
    expect(all.length).toBe(size)
    const only = (kind: string) => all.filter((record: { kind: string }) => record.kind === kind)
    expect(await shown('--kind', 'decision,fill')).toEqual(
      all.filter(({ kind }: { kind: string }) => kind === 'decision' || kind === 'fill'),
    )
    expect(await shown('--kind', 'response', '--answer', 'ok')).toEqual(only('response'))
    const held = await shown('--answer', 'hold')
    expect(held.length + (await shown('--answer', 'intents')).length).toBe(12)
    const time = new Date(only('decision')[6].atMs).toISOString().slice(0, 19)
    const [before, from] = [await shown('--until', time), await shown('--since', time)]
    expect([...before, ...from]).toEqual(all)
    expect(from.every(({ atMs }: { atMs: number }) => atMs >= only('decision')[6].atMs)).toBe(true)
    expect(await shown('--run', '1', '--agent', 'agent-1')).toEqual(all)
    expect(await shown('--run', all[0].runId)).toEqual(all)
    expect(await shown('--text', 'TREND-follower', '--kind', 'run')).toEqual(only('run'))
    expect(await shown('--value', '1..')).toEqual([])
  })

  test.each([
    [['--kind', 'bogus'], 'it is one of run, observation, request'],
    [['--kind', 'verdict,bogus'], '--kind bogus: unknown'],
    [['--answer', 'maybe'], 'it is one of approve, deny, reject'],
    [['--agent', 'bob'], 'the log has agent-1'],
    [['--run', '2'], 'the log has 1: 1 is '],
    [['--run', 'first'], '32 hex digits'],
    [['--since', 'yesterday'], 'YYYY-MM-DD'],
    [['--until', '2024-02-30'], 'there is no 2024-02-30'],
    [['--since', '2024-01-02', '--until', '2024-01-01'], 'is not before'],
    [['--value', 'much'], '100..500'],
    [['--value', '5..1'], '5 is more than 1'],
  ])('%j is exit 2, and names what there is', async (filters, why) => {
    for (const command of [
      ['log', 'show', log],
      ['show', log],
      ['log', 'export', log, '--out', at('z.warrant')],
    ]) {
      const { status, stdout, stderr } = await commandHere([...command, '--vkey', vkey, ...filters])
      expect([command[0], status, stdout, stderr]).toEqual([command[0], 2, '', expect.stringContaining(why)])
    }
  })

  test('show --json tells each decision as lines, in order, from the log to the end', () => {
    const told = warrant(['show', log, '--vkey', vkey, '--answer', 'success', '--json'])
    expect(told.status, told.stderr).toBe(0)
    const lines = told.stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(lines[0]).toMatchObject({
      story: 'log',
      v: 1,
      ok: true,
      keyPinned: true,
      witnesses: { known: 0, cosigned: [] },
      size,
      findings: [],
    })
    expect(lines.at(-1)).toEqual({
      story: 'end',
      decisions: new Set(lines.slice(1, -1).map(({ decision }) => decision)).size,
    })
    const [first] = lines.slice(1)
    const story = lines.filter(({ decision }) => decision === first.decision)
    expect(story.map(line => line.story)).toEqual(['decision', 'observation', 'request', 'response', 'fill'])
    for (const line of story) {
      expect(line).toMatchObject({
        leafHash: expect.stringMatching(/^[0-9a-f]{64}$/),
        index: expect.any(Number),
        record: { kind: line.story },
      })
      expect(line.says.length).toBeGreaterThan(0)
      expect(new Date(line.time).getTime()).toBe(line.record.atMs)
    }
    expect(story[0].leafHash).toBe(first.decision)
  })

  test('export of chosen decisions: one .warrant that verifies, shows and replays them', async () => {
    const made = await inOneDocument([
      'log',
      'export',
      log,
      '--vkey',
      vkey,
      '--answer',
      'success',
      '--out',
      at('filled.warrant'),
    ])
    expect(made.status, made.stderr).toBe(0)
    const shown = await commandHere(['log', 'show', at('filled.warrant'), '--vkey', vkey, '--kind', 'fill', '--json'])
    expect(JSON.parse(shown.stdout).length).toBe(made.document.decisions)
    const replayed = await inOneDocument(['replay', at('filled.warrant'), '--vkey', vkey])
    expect(replayed.document).toMatchObject({ identical: made.document.decisions, diverged: 0 })
    const none = await commandHere([
      'log',
      'export',
      log,
      '--vkey',
      vkey,
      '--answer',
      'deny',
      '--out',
      at('none.warrant'),
    ])
    expect([none.status, none.stderr]).toEqual([2, expect.stringContaining('no decision is as asked for')])
  })
})
