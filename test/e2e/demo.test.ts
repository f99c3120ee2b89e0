import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DemoReport } from '#runtime/demo/runDemo.ts'
import { goVerifyRules, hasGo } from '../conformance/goVerifier.ts'
import { warrant } from '../support/warrant.ts'

const root = mkdtempSync(join(tmpdir(), 'warrant-e2e-'))
const out = join(root, 'demo')
let report: DemoReport
let logDir: string
const pinned = () => ['--vkey', report.log.vkey]

beforeAll(() => {
  const run = warrant(['demo', '--once', '--json', '--decisions', '12', '--out', out])
  expect(run.stderr).not.toContain('unexpected')
  expect(run.status).toBe(0)
  report = JSON.parse(run.stdout)
  logDir = report.log.dir
}, 120_000)
afterAll(() => rmSync(root, { recursive: true }))

describe('the demo', () => {
  test('every link is there, and the numbers fit together', () => {
    expect(report.decisions).toBe(12)
    expect(report.modelCalls).toBe(12)
    expect(report.missed).toBe(0)
    expect(report.executed).toBeGreaterThan(0)
    expect(report.audited).toBe(report.executed)
    expect(report.approved + report.denied).toBe(report.proposals)
    expect(report.denied).toBeGreaterThanOrEqual(3)
    expect(report.replay).toEqual({ identical: expect.any(Number), diverged: 0 })
    expect(report.audit).toEqual({ matched: report.executed, unexplained: 0 })
    expect(report.market.simulated).toBe(true)
  })

  test('six attacks, each caught by the part that should catch it', () => {
    expect(report.refusals.map(r => [r.caughtBy.split(/[,;]/)[0], r.caught])).toEqual([
      ['verifier', true],
      ['verifier', true],
      ['verifier', true],
      ['WarrantModule', true],
      ['audit', true],
      ['witness', true],
    ])
    const reasons = report.refusals.map(r => r.reason).join('\n')
    for (const reason of [
      'proof freivalds',
      'the policy allows',
      'recipient is',
      'NotEnoughSignatures',
      'NotAVerifier',
      'which no guard allows',
      '422',
    ])
      expect(reasons).toContain(reason)
  })

  test('log verify and replay pass from the files alone', () => {
    const verified = warrant(['log', 'verify', logDir, '--vkey', report.log.vkey, '--json'])
    expect(verified.status).toBe(0)
    expect(JSON.parse(verified.stdout)).toMatchObject({
      ok: true,
      size: report.log.size,
      root: report.log.root,
      keyPinned: true,
    })
    const replayed = warrant(['replay', logDir, '--vkey', report.log.vkey, '--json'])
    expect(replayed.status).toBe(0)
    expect(JSON.parse(replayed.stdout)).toMatchObject({ diverged: 0, refused: 1, findings: [] })
  })

  test.skipIf(!hasGo)('a verifier written from the specifications alone accepts the log (needs golang-go)', () => {
    expect(goVerifyRules(logDir, report.log.vkey)).toEqual({
      status: 0,
      output: `ok ${report.log.size} ${report.log.root}`,
    })
  })

  test('a flipped byte anywhere makes log verify exit 1', () => {
    const copy = join(root, 'flipped')
    cpSync(logDir, copy, { recursive: true })
    const files = readdirSync(copy, { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile())
      .map(entry => join(entry.parentPath, entry.name))
    for (const file of files) {
      const original = readFileSync(file)
      const changed = Buffer.from(original)
      const at = Math.floor(original.length / 3)
      changed[at] = (changed[at] as number) ^ 4
      writeFileSync(file, changed)
      expect(warrant(['log', 'verify', copy, '--unpinned']).status, `${file} byte ${at}`).toBe(1)
      writeFileSync(file, original)
    }
    expect(warrant(['log', 'verify', copy, '--unpinned']).status).toBe(0)

    // A page from a log that does not verify is no clean answer.
    const bundle = files.find(file => file.includes(join('tile', 'entries'))) as string
    const explain = (...more: string[]) => warrant(['explain', '0', '--log', copy, '--unpinned', ...more])
    expect(explain().status).toBe(0)
    const original = readFileSync(bundle)
    writeFileSync(bundle, Buffer.from(original).fill(0x20, original.length - 2, original.length - 1))
    expect(explain().status).toBe(1)
    writeFileSync(bundle, original)
  })

  test('whose log it is, and what no file can show, is said every time', () => {
    const [name, id] = report.log.vkey.split('+')
    for (const args of [
      ['log', 'verify', logDir],
      ['replay', logDir],
      ['explain', '0', '--log', logDir],
    ]) {
      const refused = warrant(args)
      expect([refused.status, refused.stdout, refused.stderr], args[0]).toEqual([
        2,
        '',
        expect.stringContaining('nothing that you trust says whose it is'),
      ])
      const bare = warrant([...args, '--unpinned']).stdout
      expect(bare, args[0]).toContain(`${name}+${id}: this key was taken from beside it and pins nothing`)
      expect(bare, args[0]).toContain('what was left out at its end')
      expect(warrant([...args, '--vkey', report.log.vkey]).stdout, args[0]).toContain('the key that you gave')
    }
  })

  test('the wrong key does not verify it', () => {
    const other = 'test.example/other+b3f1c2a0+AWGAzAThmbQBx2w6Gqlq7Y1zh3krwgPdLpQiAHswAJtM'
    expect(warrant(['log', 'verify', logDir, '--vkey', other]).status).toBe(2)
  })
})

describe('bad input: one clear message, exit 2, nothing half-written', () => {
  test.each<[string, string[], RegExp]>([
    ['an output directory that is not empty', ['demo', '--once', '--out', root], /not empty/],
    ['too few decisions', ['demo', '--decisions', '0'], /--decisions must be/],
    ['an unknown option', ['demo', '--bypass'], /unknown option/],
    [
      'a missing data directory',
      ['demo', '--once', '--data', join(root, 'nowhere')],
      /nowhere: no such data directory/,
    ],
    ['a missing log', ['log', 'verify', join(root, 'nowhere')], /no such log directory/],
    ['a directory that is no log', ['log', 'verify', root], /holds no checkpoint/],
    [
      'an unreachable chain',
      ['audit', join(out, 'log'), '--unpinned', '--rpc', 'http://127.0.0.1:1'],
      /127\.0\.0\.1:1/,
    ],
    ['a missing verifier configuration', ['verifier', '--config', join(root, 'none.yaml')], /none.yaml: no such file/],
    ['no verifier configuration', ['verifier'], /needs --config/],
  ])('%s', (_what, args, reason) => {
    const { status, stdout, stderr } = warrant(args)
    expect(stderr).toMatch(reason)
    expect(stderr).not.toMatch(/ at .*\.js:\d+/)
    expect(status).toBe(2)
    expect(stdout).toBe('')
  })

  test('a port in use, a wrong key, a wrong log key', async () => {
    const server = createServer()
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const witness = ['witness', '--key', join(root, 'w.key'), '--state', join(root, 'w.state'), '--log']
    const taken = warrant([...witness, report.log.vkey, '--port', String(port)])
    expect(taken).toMatchObject({ status: 2, stderr: expect.stringContaining(`127.0.0.1:${port} is in use`) })
    server.close()
    expect(warrant([...witness, 'nonsense'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('not a note verification key'),
    })
    writeFileSync(join(root, 'bad.key'), 'hunter2\n')
    const bad = warrant(['verifier', 'key', join(root, 'bad.key')])
    expect(bad).toMatchObject({ status: 2, stderr: expect.stringContaining('bad.key: expected a secp256k1 key') })
    expect(bad.stderr).not.toContain('hunter2')
  })

  test('a full disk: the log halts, says why, and publishes nothing that is not whole', () => {
    const dir = join(root, 'full')
    // No file may grow beyond 2 MB: every write past it fails, as on a full disk.
    const main = resolve(import.meta.dirname, '../../dist/runtime/cli/main.js')
    const run = spawnSync(
      'bash',
      ['-c', `ulimit -f 2000; exec node ${main} backtest trend-follower --decisions 2500 --out ${dir}`],
      { encoding: 'utf8' },
    )
    expect(run.stderr).toMatch(/the log halted: EFBIG/)
    expect(run.status).toBe(2)
    expect(existsSync(join(dir, 'log', 'checkpoint'))).toBe(false)
  })

  test('market data: gap, duplicate, order, format are refused by file and line', () => {
    const header =
      'timestamp,netAmount0,netAmount1,closeTick,openTick,lowestTick,highestTick,inAmount0,inAmount1,currentLiquidity'
    const row = (time: string, close = '200000') => `${time},0,0,${close},200000,200000,200000,0,0,1`
    const rows: [string, string[], RegExp][] = [
      [
        'duplicate',
        [row('2022-07-19 00:00:00'), row('2022-07-19 00:00:00')],
        /day\.csv:3: this minute stands there twice/,
      ],
      [
        'unsorted',
        [row('2022-07-19 00:01:00'), row('2022-07-19 00:00:00')],
        /day\.csv:3: minutes are not in ascending order/,
      ],
      ['gap', [row('2022-07-19 00:00:00'), row('2022-07-19 23:00:00')], /day\.csv:3: 1379 minutes are missing/],
      ['tick', [row('2022-07-19 00:00:00', '1.5')], /day\.csv:2: closeTick is not a tick: 1\.5/],
      ['time', [row('yesterday')], /day\.csv:2: timestamp/],
      ['columns', ['2022-07-19 00:00:00,1'], /day\.csv:2: has 2 columns/],
    ]
    for (const [name, lines, reason] of rows) {
      const dir = mkdtempSync(join(root, `data-${name}-`))
      writeFileSync(join(dir, 'day.csv'), `${[header, ...lines].join('\n')}\n`)
      const { status, stderr } = warrant(['demo', '--once', '--data', dir, '--out', join(dir, 'out')])
      expect(stderr).toMatch(reason)
      expect(status).toBe(2)
      expect(existsSync(join(dir, 'out', 'log'))).toBe(false)
    }
  })
})

describe('what leaves the house', () => {
  test('a bundle: deterministic, accepted by both verifiers, refused when a byte differs', () => {
    const [a, b] = [join(root, 'a.bundle'), join(root, 'b.bundle')]
    for (const file of [a, b]) expect(warrant(['log', 'export', logDir, ...pinned(), '--out', file]).status).toBe(0)
    expect(readFileSync(a).equals(readFileSync(b))).toBe(true)
    expect(warrant(['log', 'export', logDir, ...pinned(), '--out', a]).stderr).toContain('exists')
    const verified = warrant(['log', 'verify', a, '--vkey', report.log.vkey, '--json'])
    expect(verified.status).toBe(0)
    expect(JSON.parse(verified.stdout)).toMatchObject({ ok: true, size: report.log.size, root: report.log.root })
    if (hasGo) expect(goVerifyRules(a, report.log.vkey).output).toBe(`ok ${report.log.size} ${report.log.root}`)
    const bytes = readFileSync(a)
    for (const at of [3, 130, 600, Math.floor(bytes.length / 2), bytes.length - 700, bytes.length - 3]) {
      const flipped = Buffer.from(bytes)
      flipped[at] = (flipped[at] as number) ^ 1
      writeFileSync(b, flipped)
      expect(warrant(['log', 'verify', b, '--vkey', report.log.vkey]).status, `byte ${at}`).toBe(1)
    }
    writeFileSync(b, bytes.subarray(0, bytes.length - 600))
    expect(warrant(['log', 'verify', b, '--vkey', report.log.vkey]).status).toBe(1)
    const part = join(root, 'part.bundle')
    expect(warrant(['log', 'export', logDir, ...pinned(), '--from', '10', '--to', '30', '--out', part]).status).toBe(0)
    const range = JSON.parse(warrant(['log', 'verify', part, '--vkey', report.log.vkey, '--json']).stdout)
    expect(range).toMatchObject({ ok: true, range: { from: 10, to: 30 } })
  })

  test('a .warrant: one decision, verified from the file alone, refused when anything in it differs', () => {
    const file = join(root, 'one.warrant')
    expect(warrant(['log', 'export', logDir, ...pinned(), '--decision', '0', '--out', file]).status).toBe(0)
    const shown = warrant(['show', file, '--vkey', report.log.vkey])
    expect(shown.status).toBe(0)
    expect(shown.stdout).toContain('the warrant that this page is taken from verifies')
    const other = 'other.example/log+dbd14564+AQcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH'
    expect(warrant(['show', file, '--vkey', other]).status).not.toBe(0)
    const warrantFile = JSON.parse(readFileSync(file, 'utf8'))
    const changes: ((w: typeof warrantFile) => void)[] = [
      w => w.entries.splice(2, 1),
      w => w.entries.reverse(),
      w => void w.entries[1].path.pop(),
      w => Object.assign(w.entries[3], { index: w.entries[3].index + 1 }),
      w => Object.assign(w, { decisions: [w.decisions[0] + 1] }),
      w => Object.assign(w.payloads[1], { bytes: w.payloads[0].bytes }),
      w => Object.assign(w.payloads[0], { bytes: w.payloads[1].bytes }),
      w => Object.assign(w.entries[1], { entry: w.entries[2].entry }),
      w => Object.assign(w, { note: w.note.replace(/\n\d+\n/, '\n7\n') }),
    ]
    for (const change of changes) {
      const changed = structuredClone(warrantFile)
      change(changed)
      writeFileSync(join(root, 'changed.warrant'), JSON.stringify(changed))
      expect(warrant(['show', join(root, 'changed.warrant'), '--vkey', report.log.vkey]).status, String(change)).toBe(1)
    }
  })

  test('retired payloads: the log still verifies, and says what it no longer keeps; lost ones are a finding', () => {
    const [kept, lost] = [join(root, 'retired'), join(root, 'lost')]
    for (const copy of [kept, lost]) cpSync(logDir, copy, { recursive: true })
    const args = ['--key', join(out, 'keys', 'log.key'), '--older-than-days', '1', '--json']
    const retired = JSON.parse(warrant(['log', 'retire', kept, ...args]).stdout)
    expect(retired).toEqual({ retired: expect.any(Number), kept: 0 })
    const after = warrant(['log', 'verify', kept, '--vkey', report.log.vkey, '--json'])
    expect(after.status).toBe(0)
    expect(JSON.parse(after.stdout).blobs.retired.length).toBeGreaterThanOrEqual(retired.retired)
    rmSync(join(lost, 'blobs'), { recursive: true })
    const without = warrant(['log', 'verify', lost, '--vkey', report.log.vkey])
    expect([without.status, without.stdout]).toEqual([
      1,
      expect.stringContaining('the log is whole, this payload is not'),
    ])
    // Whoever lacks the log's key cannot retire anything.
    writeFileSync(join(lost, 'retired'), readFileSync(join(kept, 'retired'), 'utf8').replace(/[0-9a-f]\n\n/, '0\n\n'))
    expect(warrant(['log', 'verify', lost, '--vkey', report.log.vkey]).stdout).toContain('retired: ')
  })
})
