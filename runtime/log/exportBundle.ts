import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { fromUtf8, utf8 } from '#verifier/evidence/bytes.ts'
import { canonicalize } from '#verifier/evidence/canonical.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { decodeRecord } from '#verifier/evidence/record.ts'
import { decodePack, encodePacked } from '#verifier/log/blobPack.ts'
import { openCheckpoint } from '#verifier/log/checkpoint.ts'
import type { NoteKey } from '#verifier/log/signedNote.ts'
import { decodeBundle, TILE_WIDTH, tilesOf } from '#verifier/log/tiles.ts'
import type { LogFiles } from '#verifier/log/verifyTree.ts'
import { type BundleMember, writeBundle } from './bundleFile.ts'

export type ExportBundleParameters = { files: LogFiles; key: NoteKey; from: number; to: number | null; out: string }

/** Exports entries [from, to) of a published log as a bundle: all of it, or a range with the tiles that prove it. @throws BAD_INPUT, EVIDENCE_MISSING */
export async function exportBundle({ files, key, from, to, out }: ExportBundleParameters): Promise<{
  from: number
  to: number
  size: number
  bytes: number
}> {
  const checkpoint = await files.read('checkpoint')
  if (checkpoint === null) throw new WarrantError('EVIDENCE_MISSING', 'the log has no checkpoint')
  const { size } = openCheckpoint(nodeCrypto, fromUtf8(checkpoint), key)
  const present = (await files.list()).length
  if (size > TILE_WIDTH * (present + 1))
    throw new WarrantError(
      'EVIDENCE_MISSING',
      `the checkpoint signs ${size} entries, which the ${present} files here cannot hold: run warrant log verify`,
    )
  const end = to ?? size
  if (from > end || end > size)
    throw new WarrantError('BAD_INPUT', `--from ${from} --to ${end}: the log has ${size} entries`)
  const whole = from === 0 && end === size
  const bytes = await writeBundle(out, whole ? wholeLog(files, size) : range(files, size, from, end))
  return { from, to: end, size, bytes }
}

const manifest = (from: number, to: number, size: number): BundleMember => ({
  path: 'bundle.json',
  bytes: utf8(canonicalize({ v: 1, from, to, size })),
})

async function* wholeLog(files: LogFiles, size: number): AsyncGenerator<BundleMember> {
  yield manifest(0, size, size)
  const tiles = new Set([...tilesOf(size)].map(tile => tile.path))
  // Partial tiles of earlier checkpoints prove nothing that this one does not.
  const kept = (path: string) => tiles.has(path) || /^(checkpoint|vkey|retired|blobs\/pack-\d{6})$/.test(path)
  for (const path of (await files.list()).filter(kept).sort()) yield { path, bytes: await present(files, path) }
}

async function* range(files: LogFiles, size: number, from: number, to: number): AsyncGenerator<BundleMember> {
  yield manifest(from, to, size)
  const members = ['checkpoint', 'vkey']
  const bundles: { path: string; first: number; width: number }[] = []
  for (const { level, index, width, path } of tilesOf(size)) {
    const first = index * TILE_WIDTH
    const inRange = first < to && first + width > from
    if (level === 'entries' && inRange) bundles.push({ path, first, width })
    // Above the leaves everything: it is small. At the leaves what the range needs, and the last, unfinished tile.
    const needed = level === 'entries' ? inRange : level > 0 || inRange || width < TILE_WIDTH
    if (needed) members.push(path)
  }
  for (const path of members.sort()) yield { path, bytes: await present(files, path) }
  const pack = await blobsOf(files, bundles, from, to)
  if (pack.length > 0) yield { path: 'blobs/pack-000000', bytes: pack }
}

/** One pack of the payloads that entries of the range name. */
async function blobsOf(
  files: LogFiles,
  bundles: readonly { path: string; first: number; width: number }[],
  from: number,
  to: number,
): Promise<Uint8Array> {
  const packs = (await files.list()).filter(name => name.startsWith('blobs/')).sort()
  if (packs.length === 0) return new Uint8Array(0)
  const named = new Set<string>()
  for (const { path, first, width } of bundles) {
    for (const [i, entry] of decodeBundle(await present(files, path), width).entries()) {
      if (first + i < from || first + i >= to) continue
      const record = decodeRecord(entry)
      if (record.kind !== 'run') continue
      const { strategy, models } = record.body
      for (const ref of [strategy?.bundle, ...models.map(model => model.file)]) if (ref) named.add(ref.sha256)
    }
  }
  const packed: Uint8Array[] = []
  for (const path of packs) {
    for (const blob of decodePack(await present(files, path)))
      if (named.delete(blob.sha256)) packed.push(encodePacked(blob.sha256, blob.bytes))
  }
  return Buffer.concat(packed)
}

async function present(files: LogFiles, path: string): Promise<Uint8Array> {
  const bytes = await files.read(path)
  if (bytes === null) throw new WarrantError('EVIDENCE_MISSING', `${path} is missing: run warrant log verify`)
  return bytes
}
