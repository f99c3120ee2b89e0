import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { createCosigner } from '#runtime/log/cosigner.ts'
import { createWitness } from '#runtime/log/createWitness.ts'
import { openLog } from '#runtime/log/openLog.ts'
import { parseWitnessedLogs } from '#runtime/log/witnessedLogs.ts'
import { ed25519Witness, mlDsaWitness } from '#runtime/log/witnessKeys.ts'
import { toHex, utf8 } from '#verifier/evidence/bytes.ts'
import { cosignedAt, parseWitnessVkey } from '#verifier/log/cosignature.ts'
import { parseQuorum } from '#verifier/log/quorum.ts'
import { formatVkey, noteKey, parseNote } from '#verifier/log/signedNote.ts'
import { commandHere } from '../support/commandHere.ts'
import { buildGoWitness, hasGo } from './goVerifier.ts'

// Witness, client and feeder against a log and a witness that rest on golang.org/x/mod: its notes, its proofs, its tiles.
const root = mkdtempSync(join(tmpdir(), 'warrant-go-witness-'))
const children: ChildProcess[] = []
afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(root, { recursive: true })
})
const at = (name: string) => join(root, name)
const seed = (byte: number) => new Uint8Array(32).fill(byte)
const [LOG_SEED, WITNESS_SEED] = [toHex(seed(0x11)), toHex(seed(0x22))]
const go = (args: readonly string[], input = '') => {
  const { status, stdout, stderr } = spawnSync(buildGoWitness(), args, { encoding: 'utf8', input })
  return status === 0 ? stdout : `${status}: ${stderr}`
}
const vkeyOf = (name: string, byte: number) =>
  formatVkey(noteKey(nodeCrypto, name, ed25519Signer(seed(byte)).publicKey))

/** Starts the Go witness of one log; its URL and key. */
async function serveGo(name: string, origin: string, vkey: string): Promise<{ url: string; witness: string }> {
  const child = spawn(buildGoWitness(), ['serve', WITNESS_SEED, name, origin, vkey], { stdio: ['ignore', 'pipe', 2] })
  children.push(child)
  const line = await new Promise<string>(resolve => child.stdout?.once('data', data => resolve(String(data))))
  const [url = '', witness = ''] = line.trim().split(' ')
  return { url, witness }
}

describe.skipIf(!hasGo)('our witness', () => {
  test('cosigns what a log of x/mod signs and proves, size by size, and x/mod opens what it cosigned', () => {
    const [name, origin] = ['go.example/key', 'go.example/log']
    const signers = [ed25519Witness('ours.example/w', ed25519Signer(seed(3))), mlDsaWitness('ours.example/w', seed(4))]
    const witness = createWitness({
      signers,
      logs: parseWitnessedLogs([`${vkeyOf(name, 0x11)} ${origin}`]),
      stateFile: at('state'),
      clock: { nowMs: () => 1_800_000_000_000 },
    })
    const steps = [0, 1, 2, 3, 7, 8, 255, 256, 257, 700] as const
    for (const [i, size] of steps.entries()) {
      const old = steps[Math.max(0, i - 1)] as number
      const body = go(['log', LOG_SEED, name, origin, String(size), String(old), 'an extension line'])
      const answer = witness.addCheckpoint(utf8(body))
      expect(answer.status, `${old} to ${size}`).toBe(200)
      const note = body.slice(body.indexOf('\n\n') + 2) + answer.body
      const opened = go(['open', origin, vkeyOf(name, 0x11), witness.vkeys[0] as string], note)
      // The ML-DSA-44 line is of a key that it does not know.
      expect(opened).toMatch(new RegExp(`^ok ${size} [0-9a-f]{64} 1800000000 1\n$`))
      expect(
        go(['open', origin, vkeyOf(name, 0x11), witness.vkeys[0] as string], note.replace('an ext', 'no ext')),
      ).toContain('FAIL')
      // A proof from another size does not hold.
      const wrong = go(['log', LOG_SEED, name, origin, String(size + 5), String(Math.max(0, size - 1))])
      if (size > 2) expect(witness.addCheckpoint(utf8(wrong.replace(/^old \d+/, `old ${size}`))).status).toBe(422)
    }
    const shown = witness.latest(toHex(nodeCrypto.sha256(utf8(origin)))) as string
    expect(go(['open', origin, vkeyOf(name, 0x11), witness.vkeys[0] as string], shown)).toContain('ok 700 ')
    expect(witness.addCheckpoint(utf8(go(['log', LOG_SEED, name, 'other', '3', '0']))).status).toBe(404)
    expect(witness.addCheckpoint(utf8(go(['log', WITNESS_SEED, name, origin, '3', '0']))).status).toBe(403)
  })
})

test('a cosignature of ML-DSA-44 that OpenSSL made, over the largest tree there is', () => {
  const name = './vectors/cosignature-ml-dsa-44.json'
  // Vectors stand in the repository, not in dist/.
  const path = [name, `../../../test/conformance/${name}`]
    .map(at => fileURLToPath(new URL(at, import.meta.url)))
    .find(existsSync) as string
  const { vkey, timeSeconds, note } = JSON.parse(readFileSync(path, 'utf8')) as Record<'vkey' | 'note', string> & {
    timeSeconds: number
  }
  const key = parseWitnessVkey(nodeCrypto, vkey)
  expect(cosignedAt(nodeCrypto, parseNote(note), key)).toBe(timeSeconds)
  expect(formatVkey(key)).toBe(vkey)
  // It commits to the size to its last digit.
  expect(cosignedAt(nodeCrypto, parseNote(note.replace('775807', '775806')), key)).toBe(null)
})

describe.skipIf(!hasGo)('our client', () => {
  test('has each checkpoint of our log cosigned by a witness on x/mod, which proves our entries too', async () => {
    const origin = 'ours.example/log'
    const vkey = vkeyOf(origin, 0x33)
    const { url, witness } = await serveGo('go.example/w', origin, vkey)
    const quorum = parseQuorum(nodeCrypto, `witness go ${witness} ${url}\nquorum go\n`)
    const open = () =>
      openLog({
        ...{ dir: at('ours'), origin, signer: ed25519Signer(seed(0x33)), clock: { nowMs: () => Date.now() } },
        cosigner: createCosigner(quorum, { deadlineMs: 60_000, graceMs: 60_000 }),
      })
    // A second life knows nothing of the witness: a conflict names the size.
    for (let life = 0; life < 2; life++) {
      const log = open()
      const runtime = log.startRun().appender('runtime')
      for (let n = 0; n < 3; n++) {
        const step = { what: `step ${n}`, caughtBy: 'x', reason: 'r', evidence: null }
        await runtime.append('incident', step).durable
        const note = await log.checkpoint()
        expect(quorum.check(nodeCrypto, parseNote(note)).met).toBe(true)
        expect(go(['open', origin, vkey, witness], note)).toContain(`ok ${log.size} ${log.root}`)
      }
      writeFileSync(at('entry'), (await log.entries(1, 2))[0] as Uint8Array)
      const proof = await log.prove(1)
      expect(go(['prove', vkey, at('entry')], proof)).toBe(`ok 1 of ${log.size}\n`)
      writeFileSync(at('entry'), 'another entry')
      expect(go(['prove', vkey, at('entry')], proof)).toContain('FAIL')
      await log.close()
    }
  })
})

describe.skipIf(!hasGo)('our feeder', () => {
  const [name, origin] = ['go.example/key', 'go.example/fed']
  const vkey = vkeyOf(name, 0x11)
  const args = (dir: string) => ['witness', 'feed', dir, '--vkey', vkey, '--origin', origin, '--quorum', at('quorum')]

  test('has a directory of x/mod tiles cosigned, again when it grew; a rolled-back one is found out', async () => {
    const { url, witness } = await serveGo('go.example/w', origin, vkey)
    writeFileSync(at('quorum'), `witness go ${witness} ${url}\nquorum go\n`)
    const note = () => readFileSync(join(at('fed'), 'checkpoint'), 'utf8')
    for (const size of [3, 300, 300]) {
      execFileSync(buildGoWitness(), ['tiles', LOG_SEED, name, origin, String(size), at('fed')])
      const fed = await commandHere([...args(at('fed')), '--json'])
      expect([fed.status, fed.stderr]).toEqual([0, ''])
      expect(JSON.parse(fed.stdout)).toMatchObject({ size, met: true, cosigned: [{ name: 'go' }] })
      expect(go(['open', origin, vkey, witness], note())).toContain(`ok ${size} `)
    }
    // Fed again it keeps one line of each.
    const again = await commandHere(args(at('fed')))
    expect([again.status, again.stdout]).toEqual([0, expect.stringContaining('is met')])
    expect(note().match(/^— /gm)?.length).toBe(2)
    execFileSync(buildGoWitness(), ['tiles', LOG_SEED, name, origin, '200', at('back')])
    const back = await commandHere(args(at('back')))
    expect([back.status, back.stderr]).toEqual([2, expect.stringContaining('it was rolled back')])
  })

  test('says who did not cosign, refuses tiles of another tree, and leaves a log alone whose writer is at work', async () => {
    writeFileSync(at('nobody'), `witness go ${vkeyOfWitness()} http://127.0.0.1:9\nquorum go\n`)
    const silent = await commandHere([...args(at('back')).slice(0, -1), at('nobody')])
    expect([silent.status, silent.stdout]).toEqual([1, expect.stringContaining('go did not: ')])
    const tile = join(at('fed'), 'tile/0/000')
    const bytes = readFileSync(tile)
    writeFileSync(
      tile,
      bytes.map((byte, i) => (i === 40 ? byte ^ 1 : byte)),
    )
    const changed = await commandHere(args(at('fed')))
    expect([changed.status, changed.stderr]).toEqual([2, expect.stringContaining('the tiles have the root')])
    writeFileSync(tile, bytes)
    const log = openLog({ dir: at('open'), origin, signer: ed25519Signer(seed(0x11)), clock: { nowMs: () => 1 } })
    await log.publish()
    const locked = await commandHere(['witness', 'feed', at('open'), '--vkey', log.vkey, '--quorum', at('nobody')])
    expect([locked.status, locked.stderr]).toEqual([2, expect.stringContaining('has this log')])
    await log.close()
  })

  const vkeyOfWitness = () => {
    const { key } = ed25519Witness('go.example/w', ed25519Signer(seed(0x22)))
    return formatVkey(key)
  }
})
