import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { openLogFiles } from '#runtime/log/logFiles.ts'
import { createMerkleTree } from '#runtime/log/merkleTree.ts'
import { openLog } from '#runtime/log/openLog.ts'
import { toHex, utf8 } from '#verifier/evidence/bytes.ts'
import { formatCheckpoint } from '#verifier/log/checkpoint.ts'
import { createFrontier } from '#verifier/log/frontier.ts'
import { formatNote, formatVkey, noteKey } from '#verifier/log/signedNote.ts'
import { warrant } from '../../support/warrant.ts'

const root = mkdtempSync(join(tmpdir(), 'warrant-huge-'))
const dir = join(root, 'log')
const signer = ed25519Signer(new Uint8Array(32).fill(71))
const key = noteKey(nodeCrypto, 'huge.example/log', signer.publicKey)
afterAll(() => rmSync(root, { recursive: true }))

beforeAll(async () => {
  const log = openLog({ dir, origin: key.name, signer, clock: { nowMs: () => 1 } })
  const runtime = log.startRun().appender('runtime')
  for (let i = 0; i < 3; i++) runtime.append('incident', { what: 'a step', caughtBy: 'x', reason: 'r', evidence: null })
  await log.close()
  const text = formatCheckpoint({ origin: key.name, size: Number.MAX_SAFE_INTEGER, root: new Uint8Array(32).fill(7) })
  const signature = { name: key.name, id: key.id, signature: signer.sign(utf8(text)) }
  writeFileSync(join(dir, 'checkpoint'), formatNote(text, [signature]))
})

describe('a checkpoint that signs 2^53 − 1 entries over three: each command ends, with the reason', () => {
  const vkey = formatVkey(key)
  test.each([
    ['log verify', ['log', 'verify', dir, '--vkey', vkey], 1],
    ['replay', ['replay', dir, '--vkey', vkey], 1],
    ['log show', ['log', 'show', dir, '--vkey', vkey], 1],
    ['log export', ['log', 'export', dir, '--vkey', vkey, '--out', join(root, 'x.bundle')], 2],
    [
      'log export of a range',
      ['log', 'export', dir, '--vkey', vkey, '--from', '0', '--to', '2', '--out', join(root, 'y.bundle')],
      2,
    ],
    ['explain', ['explain', '0', '--log', dir, '--vkey', vkey], 1],
    ['log tail', ['log', 'tail', dir, '--vkey', vkey], 2],
    ['log fsck', ['log', 'fsck', dir], 1],
  ] as const)('%s', (_name, args, status) => {
    const { stdout, stderr, status: ended } = warrant(args, { timeout: 120_000 })
    expect([ended, `${stdout}${stderr}`]).toEqual([
      expect.any(Number),
      expect.stringMatching(/9007199254740991|missing|no decision/),
    ])
    expect(ended).toBeGreaterThanOrEqual(Math.min(1, status))
  })

  test('log verify over HTTP', async () => {
    const files = openLogFiles(dir)
    const server = createServer(async (request, response) => {
      const bytes = await files.read((request.url ?? '/').slice(1))
      response.writeHead(bytes === null ? 404 : 200).end(bytes)
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const { openRemoteFiles } = await import('#runtime/log/remoteFiles.ts')
    const { verifyTree } = await import('#verifier/log/verifyTree.ts')
    const remote = openRemoteFiles(`http://127.0.0.1:${port}`)
    const { findings } = await verifyTree({ files: remote, crypto: nodeCrypto, key })
    expect(findings[0]?.reason).toContain('9007199254740991')
    server.closeAllConnections()
    server.close()
  })

  test('the writer refuses to open it', () => {
    expect(() => openLog({ dir, origin: key.name, signer, clock: { nowMs: () => 1 } })).toThrow('missing')
  })
})

test('a tree of 300,000 leaves handed over at once is built', () => {
  const leaves = Array.from({ length: 300_000 }, (_, i) => nodeCrypto.sha256(utf8(String(i))))
  const frontier = createFrontier(nodeCrypto)
  for (const leaf of leaves) frontier.append(leaf)
  expect(toHex(createMerkleTree(leaves).root())).toBe(toHex(frontier.root()))
})
