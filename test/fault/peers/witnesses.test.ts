import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { createCosigner } from '#runtime/log/cosigner.ts'
import { openLogFiles } from '#runtime/log/logFiles.ts'
import { openLog } from '#runtime/log/openLog.ts'
import { parseQuorum } from '#verifier/log/quorum.ts'
import { noteKey, parseNote } from '#verifier/log/signedNote.ts'
import { verifyTree } from '#verifier/log/verifyTree.ts'
import { type PeerWitness, startPeerWitness, WITNESS_MANNERS, type WitnessManners } from './peerWitness.ts'

const root = mkdtempSync(join(tmpdir(), 'warrant-witnesses-'))
const peers: PeerWitness[] = []
afterAll(async () => {
  await Promise.all(peers.map(peer => peer.stop()))
  rmSync(root, { recursive: true })
})

const ORIGIN = 'witnessed.example/log'
const signer = ed25519Signer(new Uint8Array(32).fill(55))
const key = noteKey(nodeCrypto, ORIGIN, signer.publicKey)
const step = { what: 'a step', caughtBy: 'x', reason: 'r', evidence: null }

async function quorumOf(manners: readonly WitnessManners[]) {
  const dir = mkdtempSync(join(root, 'states-'))
  const started = await Promise.all(
    manners.map((how, n) => startPeerWitness(n, how, { log: key, stateFile: join(dir, String(n)) })),
  )
  peers.push(...started)
  const lines = started.map(({ name, vkey, url }) => `witness ${name} ${vkey} ${url}`)
  return parseQuorum(
    nodeCrypto,
    [...lines, `group enough any ${started.map(({ name }) => name).join(' ')}`, 'quorum enough', ''].join('\n'),
  )
}
type Quorum = Awaited<ReturnType<typeof quorumOf>>

const open = (dir: string, quorum: Quorum, changes: [string, string | null][] = []) =>
  openLog({
    ...{ dir, origin: ORIGIN, signer, clock: { nowMs: () => Date.now() } },
    cosigner: createCosigner(quorum, {
      ...{ deadlineMs: 3_000, graceMs: 3_000 },
      onChange: (name, reason) => void changes.push([name, reason]),
    }),
  })

const cosigners = (dir: string) =>
  parseNote(readFileSync(join(dir, 'checkpoint'), 'utf8')).signatures.map(({ name }) => name)

describe('a witness that is not honest halts no log, and leaves nothing of its own in it', () => {
  test.each(WITNESS_MANNERS.filter(how => how !== 'honest'))('%s', async manners => {
    const quorum = await quorumOf([manners, 'honest'])
    const dir = mkdtempSync(join(root, 'log-'))
    const changes: [string, string | null][] = []
    for (let life = 0; life < 2; life++) {
      const log = open(dir, quorum, changes)
      await log.startRun().appender('runtime').append('incident', step).durable
      await log.publish()
      await log.checkpoint()
      await log.close()
    }
    // One line at most of each whose line verifies.
    const isUseful = manners === 'junk under the key of the log'
    expect(cosigners(dir).sort()).toEqual([ORIGIN, 'witness-1', ...(isUseful ? ['witness-0'] : [])].sort())
    if (!isUseful) expect(changes[0]).toEqual(['witness-0', expect.any(String)])
    expect((await verifyTree({ files: openLogFiles(dir), crypto: nodeCrypto, key })).findings).toEqual([])
  })
})

test('what the log itself signed halts it: restored from a backup, or forked', async () => {
  const quorum = await quorumOf(['honest'])
  const dir = mkdtempSync(join(root, 'log-'))
  const log = open(dir, quorum)
  await log.startRun().appender('runtime').append('incident', step).durable
  await log.close()
  const backup = `${dir}-backup`
  cpSync(dir, backup, { recursive: true })
  const more = open(dir, quorum)
  await more.startRun().appender('runtime').append('incident', step).durable
  await more.close()

  const restored = open(backup, quorum)
  await expect(restored.publish()).rejects.toThrow('it was rolled back')
  expect(() => restored.startRun().appender('runtime').append('incident', step)).toThrow('the log halted')
  const forked = open(`${backup}`, await quorumOf(['honest']))
  await forked.startRun().appender('runtime').append('incident', step).durable
  await forked.close()
  await expect(open(backup, quorum).publish()).rejects.toThrow('forked or rewritten')
})

test('signatures of keys that a reader does not know are ignored (C2SP signed-note)', async () => {
  const dir = mkdtempSync(join(root, 'log-'))
  const log = open(dir, await quorumOf(['honest']))
  await log.startRun().appender('runtime').append('incident', step).durable
  await log.close()
  const path = join(dir, 'checkpoint')
  writeFileSync(path, `${readFileSync(path, 'utf8')}— a-stranger ${Buffer.alloc(90, 7).toString('base64')}\n`)
  expect((await verifyTree({ files: openLogFiles(dir), crypto: nodeCrypto, key })).findings).toEqual([])
  const again = open(dir, await quorumOf(['honest']))
  expect(again.size).toBe(1)
  await again.close()
})
