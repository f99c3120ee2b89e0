import { z } from 'zod'
import { equalBytes, fromBase64, toBase64 } from '#verifier/evidence/bytes.ts'
import { parseCanonical } from '#verifier/evidence/canonical.ts'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { openCheckpoint } from './checkpoint.ts'
import { verifyConsistency } from './merkle.ts'
import { type NoteKey, parseVkey } from './signedNote.ts'

/**
 * Evidence that a log showed different trees to different people, convincing to anyone who has its key: two checkpoints
 * that it signed, `smaller` and `larger` (by size), and, unless their sizes are the same, the root that the larger tree
 * has at the smaller one's size, with the consistency proof that binds it there.
 */
export const splitView = z.strictObject({
  v: z.literal(1),
  kind: z.literal('split-view'),
  vkey: z.string().max(300),
  smaller: z.string().max(20_000),
  larger: z.string().max(20_000),
  prefix: z.strictObject({ root: z.string().max(44), proof: z.array(z.string().max(44)).max(63) }).nullable(),
})
export type SplitView = z.infer<typeof splitView>

/** Evidence from a log's two checkpoints; null when they agree. `prefixOfLarger` is what the tree behind the larger one has at the smaller one's size. */
export function findSplitView({
  crypto,
  vkey,
  notes,
  prefixOfLarger,
}: {
  crypto: CryptoPort
  vkey: string
  notes: readonly [string, string]
  prefixOfLarger(size: number, larger: number): { root: Uint8Array; proof: readonly Uint8Array[] }
}): SplitView | null {
  const key = parseVkey(crypto, vkey)
  const [a, b] = notes
    .map(text => ({ text, ...openCheckpoint(crypto, text, key) }))
    .sort((x, y) => x.size - y.size) as unknown as readonly [Opened, Opened]
  const evidence = { v: 1 as const, kind: 'split-view' as const, vkey, smaller: a.text, larger: b.text }
  if (a.size === b.size) return equalBytes(a.root, b.root) ? null : { ...evidence, prefix: null }
  // Every tree extends the empty one.
  if (a.size === 0) return null
  const { root, proof } = prefixOfLarger(a.size, b.size)
  if (equalBytes(root, a.root)) return null
  return { ...evidence, prefix: { root: toBase64(root), proof: proof.map(toBase64) } }
}

type Opened = { text: string; size: number; root: Uint8Array }

/**
 * What split-view evidence shows, in words. `key`: the log's, from somewhere trusted.
 *
 * @throws EVIDENCE_MALFORMED when it shows nothing
 */
export function openSplitView(crypto: CryptoPort, bytes: Uint8Array, key: NoteKey): string {
  const parsed = splitView.safeParse(parseCanonical(bytes))
  if (!parsed.success) throw new WarrantError('EVIDENCE_MALFORMED', 'not split-view evidence')
  const { smaller, larger, prefix } = parsed.data
  const [a, b] = [openCheckpoint(crypto, smaller, key), openCheckpoint(crypto, larger, key)]
  const nothing = (reason: string) =>
    new WarrantError('EVIDENCE_MALFORMED', `this evidence shows no split view: ${reason}`)
  if (prefix === null) {
    if (a.size !== b.size) throw nothing('the checkpoints have different sizes, and nothing binds them')
    if (equalBytes(a.root, b.root)) throw nothing('the checkpoints are of one tree')
    return `${key.name} signed two trees of ${a.size} entries`
  }
  const root = fromBase64(prefix.root)
  const held = { size1: a.size, root1: root, size2: b.size, root2: b.root, proof: prefix.proof.map(fromBase64) }
  if (!verifyConsistency(crypto, held)) throw nothing('the prefix is not bound to the larger tree')
  if (equalBytes(root, a.root)) throw nothing('the smaller tree is a prefix of the larger')
  return `${key.name} signed a tree of ${a.size} entries, and a tree of ${b.size} whose first ${a.size} are others`
}
