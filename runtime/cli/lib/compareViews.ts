import { existsSync, readFileSync, statSync } from 'node:fs'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { writeDurably } from '#runtime/log/disk.ts'
import { createMerkleTree, type MerkleTree } from '#runtime/log/merkleTree.ts'
import { latestOf } from '#runtime/log/witnessClient.ts'
import { isHandover, pastKeys } from '#verifier/audit/logKeys.ts'
import { equalBytes } from '#verifier/evidence/bytes.ts'
import { canonicalBytes } from '#verifier/evidence/canonical.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { type NoteKey, noteSignedBy, parseVkey } from '#verifier/log/signedNote.ts'
import { findSplitView, openSplitView } from '#verifier/log/splitView.ts'
import { openTreeHead } from '#verifier/log/treeHead.ts'
import { verifyTree } from '#verifier/log/verifyTree.ts'
import { createPrinter } from './output.ts'
import { type LogPlace, noteOf as noteIn, withLogPlace } from './reading/logPlace.ts'

const print = createPrinter(false)

/** Compares two views of a log; returns the exit code. @throws FILE_MISSING, UNREACHABLE, EVIDENCE_MALFORMED */
export async function compareViews(
  where: string,
  other: string,
  { vkey, out }: { vkey: string; out: string },
): Promise<number> {
  const key = parseVkey(nodeCrypto, vkey)
  if (other.endsWith('.json') && existsSync(other)) {
    print(openSplitView(nodeCrypto, readFileSync(other), key))
    return 1
  }
  const { tree, handovers, note: mine } = await withLogPlace(where, place => readTree(place, key))
  const theirs = await noteOf(other, key.name)
  const past = pastKeys(nodeCrypto, handovers, key)
  const head = openTreeHead(nodeCrypto, theirs, { origin: key.name, keys: [key, ...past] })
  const size = Number(head.size)
  if (size > tree.size)
    throw new WarrantError(
      'LOG_BEHIND',
      `${other} has seen ${size} entries, ${where} has ${tree.size}: take a newer copy of the log and compare again`,
    )
  if (!noteSignedBy(nodeCrypto, head.note, key)) {
    // Signed before the log changed its key.
    const isOne = equalBytes(tree.root(size), head.root)
    const saw = `what ${other} saw at ${size} entries, under an earlier key,`
    print(
      isOne
        ? `one tree: ${saw} is a prefix of ${where} (${tree.size})`
        : `SPLIT VIEW: ${saw} is not what ${where} holds: keep both checkpoints, they are the evidence`,
    )
    return isOne ? 0 : 1
  }
  const split = findSplitView({
    crypto: nodeCrypto,
    vkey,
    notes: [mine, theirs],
    prefixOfLarger: (at, larger) => ({ root: tree.root(at), proof: tree.consistencyProof(at, larger) }),
  })
  if (split === null) {
    print(`one tree: what ${other} saw at ${size} entries is a prefix of ${where} (${tree.size})`)
    return 0
  }
  const evidence = canonicalBytes(split)
  writeDurably(out, evidence)
  print(`SPLIT VIEW: ${openSplitView(nodeCrypto, evidence, key)}`)
  print(`      evidence: ${out}`)
  return 1
}

async function noteOf(other: string, origin: string): Promise<string> {
  if (/^https?:\/\//.test(other)) {
    const shown = await latestOf(other.replace(/\/+$/, ''), origin)
    if (shown !== null) return shown
  }
  if (existsSync(other) && statSync(other).isFile()) {
    const bytes = readFileSync(other)
    // A bundle is an archive; a checkpoint is text.
    if (bytes.length < 20_000 && !bytes.includes(0)) return bytes.toString('utf8')
  }
  const note = await withLogPlace(other, noteIn)
  if (note === null) throw new WarrantError('FILE_MISSING', `${other} holds no checkpoint of ${origin}`)
  return note
}

/** `handovers`: the entries by which its keys changed. */
type Shown = { tree: MerkleTree; handovers: Uint8Array[]; note: string }

/** The tree of a whole log, and its checkpoint. @throws BAD_INPUT for a part, EVIDENCE_MALFORMED */
async function readTree(place: LogPlace, key: NoteKey): Promise<Shown> {
  const { where } = place
  if (place.kind === 'warrant' || place.range !== null)
    throw new WarrantError('BAD_INPUT', `${where}: holds a part of a log: what is compared is a whole one`)
  const tree = createMerkleTree()
  const handovers: Uint8Array[] = []
  const { findings } = await verifyTree({ files: place.files, crypto: nodeCrypto, key }, (entry, _index, leaf) => {
    tree.append(leaf)
    if (isHandover(entry)) handovers.push(entry.slice())
  })
  const [finding] = findings
  if (finding !== undefined)
    throw new WarrantError('EVIDENCE_MALFORMED', `${where} does not verify: ${finding.where}: ${finding.reason}`)
  return { tree, handovers, note: (await noteIn(place)) as string }
}
