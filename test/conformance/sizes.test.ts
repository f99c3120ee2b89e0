import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { openBundle } from '#runtime/log/bundleFile.ts'
import { writeDurably } from '#runtime/log/disk.ts'
import { exportBundle } from '#runtime/log/exportBundle.ts'
import { openLogFiles } from '#runtime/log/logFiles.ts'
import { rebuildLog } from '#runtime/log/rebuildLog.ts'
import { verifyUnits } from '#runtime/log/verifyUnits.ts'
import { toHex, utf8 } from '#verifier/evidence/bytes.ts'
import { formatVkey, noteKey } from '#verifier/log/signedNote.ts'
import { verifyRange } from '#verifier/log/verifyRange.ts'
import { verifyTree } from '#verifier/log/verifyTree.ts'
import { goVerify, hasGo } from './goVerifier.ts'

const root = mkdtempSync(join(tmpdir(), 'warrant-sizes-'))
afterAll(() => rmSync(root, { recursive: true }))
const signer = ed25519Signer(new Uint8Array(32).fill(3))
const origin = 'conformance.example/log'
const key = noteKey(nodeCrypto, origin, signer.publicKey)
const vkey = formatVkey(key)

/** Lengths from 0 up: an entry of a real log is anything up to 64 kB. */
function* entries(size: number): Generator<Uint8Array> {
  for (let i = 0; i < size; i++) yield utf8(`${i}`.padEnd((i * 7) % 200, '.').slice(0, (i * 13) % 120))
}

describe.skipIf(!hasGo)('a verifier written from the specifications alone, in Go (skipped where Go is absent)', () => {
  test.each([0, 1, 255, 256, 257, 65_536, 65_537, 300_000])(
    'a log of %i entries: the same size and root as here',
    async size => {
      const dir = join(root, String(size))
      await rebuildLog({ dir, origin, signer, entries: entries(size) })
      writeDurably(join(dir, 'vkey'), utf8(`${vkey}\n`))
      const files = openLogFiles(dir)
      const one = await verifyTree({ files, crypto: nodeCrypto, key })
      expect(one.findings).toEqual([])
      const many = await verifyTree({ files, crypto: nodeCrypto, key, units: verifyUnits(dir) })
      expect(many).toEqual(one)
      const { status, output } = goVerify(dir, vkey)
      expect(output).toBe(`ok ${size} ${toHex(one.checkpoint?.root ?? new Uint8Array(0))}`)
      expect(status).toBe(0)

      const bundle = join(root, `${size}.bundle`)
      await exportBundle({ files, key, from: 0, to: null, out: bundle })
      expect(goVerify(bundle, vkey).output).toBe(output)

      // Ranges at the start, across the middle, at the end: proven by the tiles above them alone.
      const middle = Math.floor(size / 2)
      for (const [from, to] of [
        [0, Math.min(1, size)],
        [middle, Math.min(size, middle + 300)],
        [Math.max(0, size - 3), size],
      ] as const) {
        if (from === 0 && to === size) continue
        const part = join(root, `${size}-${from}.bundle`)
        await exportBundle({ files, key, from, to, out: part })
        const opened = openBundle(part)
        const seen: number[] = []
        const report = await verifyRange({ files: opened, crypto: nodeCrypto, key, from, to }, (_entry, index) =>
          seen.push(index),
        )
        opened.close()
        expect(report.findings).toEqual([])
        expect(seen).toEqual(Array.from({ length: to - from }, (_, i) => from + i))
      }
      rmSync(dir, { recursive: true })
    },
    240_000,
  )

  test('a flipped byte, a wrong key: refused there, too', async () => {
    const dir = join(root, 'flipped')
    await rebuildLog({ dir, origin, signer, entries: entries(300) })
    const path = join(dir, 'tile/entries/000')
    const bytes = readFileSync(path)
    bytes[40] = (bytes[40] as number) ^ 1
    writeFileSync(path, bytes)
    expect(goVerify(dir, vkey).status).toBe(1)
    const other = formatVkey(noteKey(nodeCrypto, origin, ed25519Signer(new Uint8Array(32).fill(4)).publicKey))
    expect(goVerify(dir, other).status).toBe(1)
  })
})
