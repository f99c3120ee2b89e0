import { setTimeout as sleep } from 'node:timers/promises'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { createMerkleTree } from '#runtime/log/merkleTree.ts'
import { equalBytes, fromUtf8, toHex } from '#verifier/evidence/bytes.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { decodeRecord } from '#verifier/evidence/record.ts'
import { openCheckpoint } from '#verifier/log/checkpoint.ts'
import { hashLeaves } from '#verifier/log/merkle.ts'
import { decodeBundle, TILE_WIDTH, tilePath } from '#verifier/log/tiles.ts'
import { complain, printJsonLine } from './output.ts'
import { openLogPlace } from './reading/logPlace.ts'
import { failuresOf } from './reading/readingJson.ts'
import { type ReadOptions, readLog } from './reading/readLog.ts'
import { kindsOf } from './reading/recordFilter.ts'
import { whatIsNotSeen } from './reading/whatIsNotSeen.ts'

const POLL_MS = 500

/** Prints the newest records of a log; with `follow` until it is stopped. Returns the exit code: 1 when the log contradicts itself. */
export async function tailLog(
  where: string,
  { from, kind, follow, ...options }: ReadOptions & { from?: string; kind?: string; follow?: boolean },
): Promise<number> {
  if (from !== undefined && !/^\d{1,15}$/.test(from))
    throw new WarrantError('BAD_INPUT', `--from must be an entry's index, got ${from}`)
  const kinds = kindsOf(kind)
  const asked = await readLog(where, options, undefined, 'checkpoint')
  const { trusted } = asked
  if (trusted === null || !asked.ok) {
    for (const failure of failuresOf(asked)) complain(`FAIL  ${failure}`)
    return 1
  }
  if (asked.kind === 'warrant' || asked.range !== null)
    throw new WarrantError(
      'BAD_INPUT',
      `${where}: holds a part of a log, which has no newest records: warrant log show`,
    )
  for (const line of whatIsNotSeen(asked)) complain(line)
  const { key } = trusted
  const tree = createMerkleTree()
  let first: number | null = from === undefined ? null : Number(from)
  for (;;) {
    // What is there is read anew each time: a checkpoint changes, whatever it covers does not.
    const place = await openLogPlace(where)
    if (place.kind === 'warrant') throw new WarrantError('BAD_INPUT', `${where} is no log any more`)
    const { files } = place
    const note = await files.read('checkpoint')
    if (note === null) throw new WarrantError('FILE_MISSING', `${where} has no checkpoint`)
    const { size, root } = openCheckpoint(nodeCrypto, fromUtf8(note), key)
    if (size < tree.size) return contradiction(`the log has shrunk from ${tree.size} to ${size} entries`)
    first ??= Math.max(0, size - 10)
    while (tree.size < size) {
      const bundle = Math.floor(tree.size / TILE_WIDTH)
      const width = Math.min(TILE_WIDTH, size - bundle * TILE_WIDTH)
      const bytes = await files.read(tilePath('entries', bundle, width))
      if (bytes === null) throw new WarrantError('EVIDENCE_MISSING', `${tilePath('entries', bundle, width)} is missing`)
      const entries = decodeBundle(bytes, width)
      const leaves = hashLeaves(nodeCrypto, bytes, entries)
      const known = tree.size - bundle * TILE_WIDTH
      for (let i = 0; i < known; i++) {
        if (!equalBytes(tree.leaf(bundle * TILE_WIDTH + i), leaves.subarray(32 * i, 32 * i + 32)))
          return contradiction(`entry ${bundle * TILE_WIDTH + i} is not the one that was there before`)
      }
      tree.append(leaves.slice(32 * known))
      for (const [i, entry] of entries.entries()) {
        const index = bundle * TILE_WIDTH + i
        if (i < known || index < first) continue
        const record = decodeRecord(entry)
        if (kinds === null || kinds.has(record.kind))
          printJsonLine({ index, leafHash: toHex(leaves.subarray(32 * i, 32 * i + 32)), ...record })
      }
    }
    if (!equalBytes(tree.root(), root))
      return contradiction(`the entries do not have the root of the checkpoint of ${size}`)
    place.close()
    if (!follow) return 0
    await sleep(POLL_MS)
  }
}

function contradiction(reason: string): number {
  complain(`FAIL  ${reason}`)
  return 1
}
