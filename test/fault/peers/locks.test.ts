import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { spawnWarrant } from '#runtime/run/spawnWarrant.ts'
import { formatVkey, noteKey } from '#verifier/log/signedNote.ts'
import { openJournal } from '#verifier/service/journal.ts'
import { takeLock } from '#verifier/service/takeLock.ts'
import { warrant } from '../../support/warrant.ts'

const root = mkdtempSync(join(tmpdir(), 'warrant-locks-'))
const children: ChildProcess[] = []
const mounts: string[] = []
afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
  for (const mount of mounts) spawnSync('umount', ['-l', mount])
  rmSync(root, { recursive: true })
})

const CHILD = ['./lockChild.js', '../../../dist/test/fault/peers/lockChild.js']
  .map(path => fileURLToPath(new URL(path, import.meta.url)))
  .find(existsSync) as string
/** Process 1 of a namespace of its own, as in a container. */
const CONTAINER = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc']
const hasNamespaces = spawnSync(CONTAINER[0] as string, [...CONTAINER.slice(1), 'true']).status === 0

/** Starts a writer, in a container or not; what it says first. */
async function writer(dir: string, isContained: boolean): Promise<{ child: ChildProcess; said: string }> {
  const [program = '', ...args] = [...(isContained ? CONTAINER : []), process.execPath, CHILD, dir]
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  children.push(child)
  const said = await new Promise<string>((resolve, reject) => {
    child.stdout?.once('data', data => resolve(String(data)))
    child.once('error', reject)
  })
  return { child, said }
}
const killed = (child: ChildProcess) =>
  new Promise<void>(resolve => {
    child.once('exit', () => resolve())
    child.kill('SIGKILL')
  })

describe.each([
  ['on one machine', false],
  ['as process 1 of containers that share a volume (skipped where none can be made)', true],
])('a log has one writer: %s', (_where, isContained) => {
  test.skipIf(isContained && !hasNamespaces)('a second is refused, whoever is killed makes room at once', async () => {
    const dir = join(root, `log-${isContained}`)
    const first = await writer(dir, isContained)
    expect(first.said).toMatch(isContained ? /^open as 1, 1 / : /^open as \d+, 1 /)
    for (const other of [isContained, false]) expect((await writer(dir, other)).said).toContain('refused: ')
    await killed(first.child)
    const second = await writer(dir, isContained)
    expect(second.said).toContain(', 2 entries')
    await killed(second.child)
    expect((await writer(dir, isContained)).said).toContain(', 3 entries')
  })
})

test('what a lock file says decides nothing; a released lock leaves none behind', () => {
  const path = join(root, 'lock')
  // A number that is in use here: as process 1 in a container it would be one's own.
  writeFileSync(path, String(process.pid))
  const unlock = takeLock(path, 'this')
  expect(() => takeLock(path, 'this')).toThrow(`process ${process.pid} on`)
  unlock()
  expect(existsSync(path)).toBe(false)
  takeLock(path, 'this')()
})

test('a second witness on one key, or on one state, is refused', async () => {
  const vkey = formatVkey(noteKey(nodeCrypto, 'x.example/log', ed25519Signer(new Uint8Array(32).fill(1)).publicKey))
  const at = (name: string) => join(root, name)
  const args = (key: string, state: string) => ['witness', '--key', at(key), '--state', at(state), '--log', vkey]
  const witness = await spawnWarrant([...args('w.key', 'w.state'), '--name', 'w', '--port', '0'])
  try {
    for (const [key, state] of [
      ['w.key', 'other.state'],
      ['other.key', 'w.state'],
    ] as const) {
      const second = warrant([...args(key, state), '--name', 'w', '--port', '0'], { timeout: 60_000 })
      expect([second.status, second.stderr]).toEqual([2, expect.stringContaining('it has one writer')])
    }
  } finally {
    await witness.stop()
  }
})

describe("the verifier's journal", () => {
  const entry = { treasuryUsd: 100, signedAtSeconds: 1, validUntil: 2 }
  const reserve = (nonce: string) => ({ ...entry, nonce, proposalDigest: 'aa'.repeat(32) })

  test('has one writer', () => {
    const path = join(root, 'one.journal')
    const journal = openJournal(path)
    expect(() => openJournal(path)).toThrow('it has one writer')
    journal.close()
    openJournal(path).close()
  })

  test('on a disk that fills up it takes whole lines or none, and opens again', () => {
    const disk = join(root, 'disk')
    mkdirSync(disk)
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]).status !== 0)
      return console.warn('skipped: no file system can be mounted here')
    mounts.push(disk)
    const path = join(disk, 'journal')
    const journal = openJournal(path)
    let written = 0
    const fill = () => {
      for (; written < 10_000; written++) journal.reserve(reserve(String(written)))
    }
    expect(fill).toThrow('cannot write the journal')
    expect(written).toBeGreaterThan(10)
    expect(readFileSync(path, 'utf8').endsWith('\n')).toBe(true)
    // Nothing is promised on what could not be written down.
    expect(() => journal.reserve(reserve('99999'))).toThrow('start again')
    journal.close()
    const again = openJournal(path)
    expect([again.find(String(written - 1))?.nonce, again.find(String(written))]).toEqual([String(written - 1), null])
    again.close()
  })

  test('a torn character at its end is cut off with its line', () => {
    const path = join(root, 'torn.journal')
    const journal = openJournal(path)
    journal.reserve(reserve('1'))
    journal.close()
    appendFileSync(path, Buffer.from([0x7b, 0x22, 0xe8, 0xa7]))
    const again = openJournal(path)
    again.reserve(reserve('2'))
    again.close()
    const last = openJournal(path)
    expect(['1', '2', '3'].map(nonce => last.find(nonce)?.nonce)).toEqual(['1', '2', undefined])
    last.close()
  })

  test('what may have been signed in another life is doubted over any number of restarts', () => {
    const path = join(root, 'doubt.journal')
    const doubt = { proposalDigest: 'bb'.repeat(32), nonce: '7', validUntil: 1_000 }
    const journal = openJournal(path)
    journal.doubt([doubt])
    journal.seen(9, 'cc'.repeat(32))
    journal.close()
    for (let restart = 0; restart < 2; restart++) {
      const again = openJournal(path)
      expect(again.doubts).toEqual([doubt])
      again.close()
    }
  })
})
