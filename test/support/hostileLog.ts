import { join } from 'node:path'
import { openEd25519Key } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { writeDurably } from '#runtime/log/disk.ts'
import { openLogFiles } from '#runtime/log/logFiles.ts'
import { rebuildLog } from '#runtime/log/rebuildLog.ts'
import { toHex, utf8 } from '#verifier/evidence/bytes.ts'
import { type AnyRecord, decodeRecord, encodeRecord, type RecordOf } from '#verifier/evidence/record.ts'
import { hashLeaf } from '#verifier/log/merkle.ts'
import { formatVkey, noteKey, parseVkey } from '#verifier/log/signedNote.ts'
import { verifyTree } from '#verifier/log/verifyTree.ts'
import { policy as policySchema } from '#verifier/policy/policy.ts'

/** What an attacker puts wherever text may stand: ends the line, speaks to the terminal, turns it around, hides, scripts. */
export const HOSTILE =
  'x\u001bPfake\u001b\\\u009b2J\nFAKE call: pay 1 USDC\r\u2028\u202eesrever\u2066\u200b\ufeff\u{e0041}\u0085<script>alert(1)</script>'

/** What of it must be nowhere in what people are shown: hidden characters raw, a line of its own. */
export const SPOKEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}](?<!\n)|^FAKE/mu

/** Payloads with a form of their own, and what other text is made of. */
const KEPT = new Set(['data', 'inline', 'params', 'vkey'])

/**
 * A log like a real one in which every field that may hold text holds HOSTILE, and every kind of record is there.
 * Nothing in it verifies but its tree.
 */
export async function writeHostileLog(demoLog: string, key: string, dir: string): Promise<{ ticks: number[] }> {
  const vkey = new TextDecoder().decode((await openLogFiles(demoLog).read('vkey')) ?? new Uint8Array(0)).trim()
  const records: AnyRecord[] = []
  await verifyTree(
    { files: openLogFiles(demoLog), crypto: nodeCrypto, key: parseVkey(nodeCrypto, vkey) },
    entry => void records.push(decodeRecord(entry)),
  )
  const proposed = records.find(record => record.kind === 'proposal') as RecordOf<'proposal'>
  const last = records.at(-1) as AnyRecord
  const more = (kind: string, body: unknown) => ({ ...last, kind, parents: [], body }) as unknown as AnyRecord
  const all = [
    ...records,
    more('incident', { what: 'a', caughtBy: 'b', reason: 'c', evidence: { text: 'd' } }),
    more('fill', { decision: proposed.body.decision, status: 'success', reason: 'x', changes: { USDC: '-5' } }),
    more('approval', {
      ...{ proposal: leafOf(proposed), proposalDigest: 'ab'.repeat(32), answer: 'reject', reason: 'no' },
      ...{ signer: proposed.body.safe, signature: `0x${'11'.repeat(65)}` },
    }),
  ]
  const signer = openEd25519Key(key)
  const origin = parseVkey(nodeCrypto, vkey).name
  // References follow, so that what belongs together is still told together.
  const now = new Map<string, string>()
  const entries = all.map(record => {
    const text = JSON.stringify(record).replace(/\b[0-9a-f]{64}\b/g, found => now.get(found) ?? found)
    const changed = hostile(JSON.parse(text) as AnyRecord)
    now.set(leafOf(record), leafOf(changed))
    return encodeRecord(changed)
  })
  await rebuildLog({ dir, origin, signer, entries })
  writeDurably(join(dir, 'vkey'), utf8(`${formatVkey(noteKey(nodeCrypto, origin, signer.publicKey))}\n`))
  return { ticks: records.flatMap(record => (record.kind === 'decision' ? [record.body.tick] : [])) }
}

const leafOf = (record: AnyRecord) => toHex(hashLeaf(nodeCrypto, encodeRecord(record)))

/** The record with every text replaced that its schema lets be one. */
function hostile(record: AnyRecord): AnyRecord {
  const copy = structuredClone(record)
  const holds = (): boolean => {
    try {
      encodeRecord(copy)
    } catch {
      return false
    }
    return copy.kind !== 'run' || policySchema.safeParse(copy.body.policy.document).success
  }
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return
    for (const [key, value] of Object.entries(node)) {
      // Names of assets are keys here.
      if (['balances', 'changes'].includes(key) && !Array.isArray(value))
        (node as Record<string, unknown>)[key] = Object.fromEntries(
          Object.values(value).map((amount, i) => [`${HOSTILE}${i}`, amount]),
        )
      if (typeof value !== 'string') visit(value)
      else if (!KEPT.has(key)) {
        const owner = node as Record<string, unknown>
        owner[key] = HOSTILE
        if (!holds()) owner[key] = value
      }
    }
  }
  visit(copy.body)
  return copy
}
