import { setTimeout as sleep } from 'node:timers/promises'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { openLogFiles } from '#runtime/log/logFiles.ts'
import { createMerkleTree } from '#runtime/log/merkleTree.ts'
import { openRemoteFiles } from '#runtime/log/remoteFiles.ts'
import { equalBytes, fromUtf8, toHex } from '#verifier/evidence/bytes.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { decodeRecord } from '#verifier/evidence/record.ts'
import { openCheckpoint } from '#verifier/log/checkpoint.ts'
import { hashLeaves } from '#verifier/log/merkle.ts'
import { parseVkey } from '#verifier/log/signedNote.ts'
import { decodeBundle, TILE_WIDTH, tilePath } from '#verifier/log/tiles.ts'
import type { LogFiles } from '#verifier/log/verifyTree.ts'
import { complain, printJsonLine } from './output.ts'

const POLL_MS = 500

/** Prints the newest records of a log; with `follow` until it is stopped. Returns the exit code: 1 when the log contradicts itself. */
export async function tailLog(
  where: string,
  { vkey, from, kind, follow }: { vkey?: string; from?: string; kind?: string; follow?: boolean },
): Promise<number> {
  if (from !== undefined && !/^\d{1,15}$/.test(from))
    throw new WarrantError('BAD_INPUT', `--from must be an entry's index, got ${from}`)
  // A server's checkpoint is read anew each time; its other resources never change.
  const open = (): LogFiles => (/^https?:\/\//.test(where) ? openRemoteFiles(where) : openLogFiles(where))
  const beside = vkey ?? fromUtf8((await open().read('vkey')) ?? new Uint8Array(0)).trim()
  const key = parseVkey(nodeCrypto, beside)
  const tree = createMerkleTree()
  let first: number | null = from === undefined ? null : Number(from)
  for (;;) {
    const files = open()
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
        if (kind === undefined || record.kind === kind)
          printJsonLine({ index, leafHash: toHex(leaves.subarray(32 * i, 32 * i + 32)), ...record })
      }
    }
    if (!equalBytes(tree.root(), root))
      return contradiction(`the entries do not have the root of the checkpoint of ${size}`)
    if (!follow) return 0
    await sleep(POLL_MS)
  }
}

function contradiction(reason: string): number {
  complain(`FAIL  ${reason}`)
  return 1
}
