import { writeDurably } from '#runtime/log/disk.ts'
import { createMerkleTree } from '#runtime/log/merkleTree.ts'
import { MOST_WARRANT_ENTRIES, parseWarrant, type WarrantFile } from '#verifier/audit/verifyWarrant.ts'
import { fromHex, toBase64 } from '#verifier/evidence/bytes.ts'
import { canonicalBytes } from '#verifier/evidence/canonical.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { BlobRef } from '#verifier/evidence/primitives.ts'
import { type AnyRecord, encodeRecord } from '#verifier/evidence/record.ts'
import { formatVkey } from '#verifier/log/signedNote.ts'
import type { Exported } from './exportLog.ts'
import { type LogPlace, noteOf, openLogPlace } from './reading/logPlace.ts'
import { payloadsIn } from './reading/payloadsIn.ts'
import { type ReadOptions, readPlace } from './reading/readLog.ts'
import { type FilterOptions, recordFilter } from './reading/recordFilter.ts'
import { createStoryCollector, type Story } from './storyCollector.ts'
import { leafOf } from './storyLines.ts'
import { placedRecords, storyRecords } from './storyRecords.ts'

/** Bytes of payloads that a `.warrant` holds at most. */
const MOST_PAYLOADS = 64 * 1024 * 1024

export type ExportWarrantParameters = {
  out: string
  /** A tick, a leaf hash or a transaction; null: all that the filters let pass. */
  decision: string | null
  filters: FilterOptions
  /** Whether strategies and models go along, so that the decisions can be derived again. */
  payloads: boolean
  read: ReadOptions
}

/** Writes a `.warrant` file of decisions. @throws EVIDENCE_MISSING, BAD_INPUT */
export async function exportWarrant(where: string, parameters: ExportWarrantParameters): Promise<Exported> {
  const place = await openLogPlace(where)
  try {
    return await exportFrom(place, parameters)
  } finally {
    place.close()
  }
}

async function exportFrom(
  place: LogPlace,
  { out, decision, filters, payloads, read }: ExportWarrantParameters,
): Promise<Exported> {
  const { where } = place
  if (place.kind !== 'warrant' && place.range !== null)
    throw new WarrantError('BAD_INPUT', `${where}: holds a range alone: a .warrant needs the proofs of a whole log`)
  const filter = recordFilter(filters)
  const stories = createStoryCollector()
  const leaves: Uint8Array[] = []
  /** They lead from the key that a run names to the checkpoint's. */
  const handovers: { index: number; record: AnyRecord }[] = []
  const reading = await readPlace(place, read, (leaf, index, records) => {
    leaves.push(fromHex(leaf))
    const record = records.record(leaf)
    if (record !== null) filter.take({ leaf, record })
    if (record?.kind === 'handover') handovers.push({ index, record })
    stories.onRecord(leaf, index, records)
  })
  const note = await noteOf(place)
  if (!reading.ok || reading.trusted === null || note === null) return { reading, done: null }
  filter.refuseUnknown()
  const chosen = choose()
  const begun = Math.min(
    ...[...new Set(chosen.map(({ run }) => run))].map(run => stories.indexOf(leafOf(run)) as number),
  )
  const later = handovers.flatMap(({ index, record }) => (index > begun ? [record] : []))
  const records = [...new Set<AnyRecord>([...chosen.flatMap(story => [story.run, ...storyRecords(story)]), ...later])]
  const proofs = proofsOf(place, leaves)
  const entries = records
    .map(record => {
      const index = stories.indexOf(leafOf(record)) as number
      return { index, entry: toBase64(encodeRecord(record)), path: proofs(index) }
    })
    .sort((a, b) => a.index - b.index)
  if (entries.length > MOST_WARRANT_ENTRIES)
    throw new WarrantError(
      'BAD_INPUT',
      `${chosen.length} decisions with ${entries.length} entries: a .warrant holds ${MOST_WARRANT_ENTRIES}: choose fewer, or export a range as a bundle`,
    )
  const file: WarrantFile = {
    v: 2,
    kind: 'warrant',
    vkey: formatVkey(reading.trusted.key),
    note,
    decisions: chosen.map(({ decisionLeaf }) => stories.indexOf(decisionLeaf) as number),
    entries,
    payloads: payloads ? await payloadsOf(place, chosen) : [],
  }
  const bytes = canonicalBytes(file)
  writeDurably(out, bytes)
  const done = {
    decisions: chosen.length,
    entries: entries.length,
    payloads: file.payloads.length,
    bytes: bytes.length,
  }
  return { reading, done }

  function choose(): Story[] {
    if (decision !== null) {
      const story = stories.find(decision)
      if (story === null)
        throw new WarrantError('EVIDENCE_MISSING', `${decision}: no decision of that name in ${where}`)
      return [story]
    }
    const passing = stories
      .all()
      .filter(story => filter.passesStory({ leaf: story.decisionLeaf, record: story.decision }, placedRecords(story)))
    if (passing.length === 0)
      throw new WarrantError('EVIDENCE_MISSING', `${where}: no decision is as asked for: nothing was written`)
    return passing
  }
}

/** Inclusion proofs by index: from the tree of a whole log, or as another `.warrant` has them. */
function proofsOf(place: LogPlace, leaves: Uint8Array[]): (index: number) => string[] {
  if (place.kind !== 'warrant') {
    const tree = createMerkleTree(leaves)
    return index => tree.inclusionProof(index).map(toBase64)
  }
  const paths = new Map(parseWarrant(place.bytes).entries.map(({ index, path }) => [index, path]))
  return index => paths.get(index) ?? []
}

/** Strategies and models of the runs of stories, as far as the log holds them. @throws BAD_INPUT when they are too large */
async function payloadsOf(place: LogPlace, stories: readonly Story[]): Promise<WarrantFile['payloads']> {
  const refs = new Map<string, BlobRef>()
  for (const { run, calls } of stories) {
    const used = new Set(calls.map(({ request }) => request?.body.model))
    const models = run.body.models.flatMap(({ digest, file }) => (file !== null && used.has(digest) ? [file] : []))
    for (const ref of [...(run.body.strategy === null ? [] : [run.body.strategy.bundle]), ...models])
      refs.set(ref.sha256, ref)
  }
  const total = [...refs.values()].reduce((sum, { size }) => sum + size, 0)
  if (total > MOST_PAYLOADS)
    throw new WarrantError(
      'BAD_INPUT',
      `strategies and models have ${total} bytes, a .warrant takes ${MOST_PAYLOADS}: leave them out with --no-payloads, and derive from the log`,
    )
  const held = await payloadsIn(place)
  return [...refs.keys()].sort().flatMap(sha256 => {
    const bytes = held.get(sha256)
    // What is retired or lost is the log's matter, and told there.
    return bytes === undefined ? [] : [{ sha256, bytes: toBase64(bytes) }]
  })
}
