import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ml_dsa44 } from '@noble/post-quantum/ml-dsa.js'
import { afterAll, describe, expect, test } from 'vitest'
import { ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { concat, fromBase64, toHex, utf8 } from '#verifier/evidence/bytes.ts'
import { cosignedAt, formatWitnessVkey, parseWitnessVkey } from '#verifier/log/cosignature.ts'
import { emptyRoot, hashNode } from '#verifier/log/merkle.ts'
import { formatNote, formatVkey, type NoteKey, noteKey, parseNote } from '#verifier/log/signedNote.ts'
import { formatTreeHead } from '#verifier/log/treeHead.ts'
import { formatAddCheckpoint } from './addCheckpoint.ts'
import { createWitness } from './createWitness.ts'
import { createMerkleTree } from './merkleTree.ts'
import { parseWitnessedLogs, witnessedLogLines } from './witnessedLogs.ts'
import { ed25519Witness, mlDsaWitness } from './witnessKeys.ts'

// C2SP tlog-witness, sentence by sentence.
const root = mkdtempSync(join(tmpdir(), 'warrant-witness-'))
afterAll(() => rmSync(root, { recursive: true }))

const ORIGIN = 'log.example/of many words'
const seed = (byte: number) => new Uint8Array(32).fill(byte)
const logKeys = [1, 2].map(byte => {
  const signer = ed25519Signer(seed(byte))
  // The name of a log's key need not be its origin.
  return { signer, key: noteKey(nodeCrypto, `key-${byte}.example`, signer.publicKey) }
})
const [first, second] = logKeys as [(typeof logKeys)[0], (typeof logKeys)[0]]
const NOW = 1_800_000_000
const WITNESS = 'witness.example/w1'
const signers = [ed25519Witness(WITNESS, ed25519Signer(seed(3))), mlDsaWitness(WITNESS, seed(4))]

const leaf = (i: number) => nodeCrypto.sha256(Uint8Array.of(0), utf8(`entry ${i}`))
const tree = createMerkleTree(Array.from({ length: 40 }, (_, i) => leaf(i)))

let states = 0
const open = (stateFile = join(root, `state-${states++}`)) =>
  createWitness({
    signers,
    logs: parseWitnessedLogs([...logKeys.map(({ key }) => `${formatVkey(key)} ${ORIGIN}`), formatVkey(first.key)]),
    stateFile,
    clock: { nowMs: () => 1_000 * NOW },
  })

type Signed = { key: NoteKey; signer: ReturnType<typeof ed25519Signer> }
function noteOf(
  size: number | bigint,
  {
    by = [first] as readonly Signed[],
    origin = ORIGIN,
    at = size === 0 ? emptyRoot(nodeCrypto) : tree.root(Number(size)),
    extensions = [] as string[],
    junk = '',
  } = {},
): string {
  const text = formatTreeHead({ origin, size: BigInt(size), root: at, extensions })
  const lines = by.map(({ key, signer }) => ({ name: key.name, id: key.id, signature: signer.sign(utf8(text)) }))
  return formatNote(text, lines) + junk
}
const ask = (witness: ReturnType<typeof open>, old: number | bigint, note: string, proof?: readonly Uint8Array[]) =>
  witness.addCheckpoint(utf8(formatAddCheckpoint({ old, proof: proof ?? [], note })))
const grow = (witness: ReturnType<typeof open>, old: number, size: number, options = {}) =>
  ask(witness, old, noteOf(size, options), tree.consistencyProof(old, size))
const conflict = (size: number) => ({ status: 409, body: `${size}\n`, type: 'text/x.tlog.size' })

describe('add-checkpoint', () => {
  test('200: cosigns what extends what it saw, with each of its keys, at its time', () => {
    const witness = open()
    for (const [old, size] of [
      [0, 0],
      [0, 7],
      [7, 8],
      [8, 8],
      [8, 39],
    ] as const) {
      const note = noteOf(size)
      const { status, body } = ask(witness, old, note, tree.consistencyProof(old, size))
      expect([status, body.match(/^— witness\.example\/w1 /gm)?.length], `${old} to ${size}`).toEqual([200, 2])
      for (const { key } of signers) expect(cosignedAt(nodeCrypto, parseNote(note + body), key)).toBe(NOW)
    }
  })

  test('extension lines are cosigned by Ed25519, kept, and shown', () => {
    const witness = open()
    const note = noteOf(3, { extensions: ['timestamp 1700000000', 'more'] })
    const { status, body } = ask(witness, 0, note)
    expect(status).toBe(200)
    const [ed25519, mlDsa] = signers as [(typeof signers)[0], (typeof signers)[0]]
    expect(cosignedAt(nodeCrypto, parseNote(note + body), ed25519.key)).toBe(NOW)
    const other = parseNote((note + body).replace('\nmore\n', '\nless\n'))
    expect(cosignedAt(nodeCrypto, other, ed25519.key)).toBe(null)
    // ML-DSA-44 makes no statement about them.
    expect(cosignedAt(nodeCrypto, other, mlDsa.key)).toBe(NOW)
    expect(witness.latest(toHex(nodeCrypto.sha256(utf8(ORIGIN))))).toBe(note + body)
  })

  test('404: an origin that it does not watch, whoever signed', () => {
    expect(ask(open(), 0, noteOf(3, { origin: 'other.example' })).status).toBe(404)
  })

  test('403: no signature of a key of this origin, or one that does not verify', () => {
    const witness = open()
    const stranger = { signer: ed25519Signer(seed(9)), key: noteKey(nodeCrypto, 'x', ed25519Signer(seed(9)).publicKey) }
    const forged = { signer: stranger.signer, key: first.key }
    for (const by of [[stranger], [forged], [first, forged], [second, forged]])
      expect(ask(witness, 0, noteOf(3, { by })).status).toBe(403)
    // A key is trusted for its own origins alone.
    expect(ask(witness, 0, noteOf(3, { by: [second], origin: first.key.name })).status).toBe(403)
    expect(ask(witness, 0, noteOf(3, { origin: first.key.name })).status).toBe(200)
  })

  test('several keys of one origin: while a log changes its key, either is enough, over one tree', () => {
    const witness = open()
    expect(grow(witness, 0, 5).status).toBe(200)
    expect(grow(witness, 5, 9, { by: [second] }).status).toBe(200)
    expect(grow(witness, 9, 12, { by: [first, second] }).status).toBe(200)
    expect(grow(witness, 5, 13, { by: [second] })).toEqual(conflict(12))
    const shown = parseNote(witness.latest(toHex(nodeCrypto.sha256(utf8(ORIGIN)))) as string)
    expect(shown.signatures.map(({ name }) => name)).toEqual([first.key.name, second.key.name, WITNESS, WITNESS])
  })

  test('signatures of unknown keys are ignored, and not shown to others', () => {
    const witness = open()
    const sameName = `— ${first.key.name} ${Buffer.alloc(68, 7).toString('base64')}\n`
    const sameId = `— x ${Buffer.from([...first.key.id, ...new Uint8Array(64)]).toString('base64')}\n`
    const many = Array.from({ length: 14 }, (_, i) => `— s${i} ${Buffer.alloc(5_000, i).toString('base64')}\n`).join('')
    expect(ask(witness, 0, noteOf(4, { junk: sameName + sameId + many })).status).toBe(200)
    expect(witness.latest(toHex(nodeCrypto.sha256(utf8(ORIGIN))))).not.toContain(sameName)
  })

  test('400: an old size above the checkpoint; 409 with the size that it has, as text/x.tlog.size', () => {
    const witness = open()
    expect(ask(witness, 4, noteOf(3)).status).toBe(400)
    expect(grow(witness, 2, 6)).toEqual(conflict(0))
    grow(witness, 0, 6)
    for (const old of [0, 5, 7]) expect(grow(witness, old, 8)).toEqual(conflict(6))
  })

  test('422: an empty tree of another root, a proof from nothing, one that does not hold, another tree of one size', () => {
    const witness = open()
    const other = nodeCrypto.sha256(utf8('other'))
    expect(ask(witness, 0, noteOf(0, { at: other })).status).toBe(422)
    expect(ask(witness, 0, noteOf(3), [leaf(1)]).status).toBe(422)
    expect(grow(witness, 0, 6).status).toBe(200)
    expect(ask(witness, 6, noteOf(9)).status).toBe(422)
    expect(ask(witness, 6, noteOf(9), tree.consistencyProof(5, 9)).status).toBe(422)
    expect(ask(witness, 6, noteOf(9, { at: other }), tree.consistencyProof(6, 9)).status).toBe(422)
    expect(ask(witness, 6, noteOf(6, { at: other })).status).toBe(422)
    expect(ask(witness, 6, noteOf(6), [leaf(1)]).status).toBe(422)
    // None of these moved it.
    expect(grow(witness, 6, 9).status).toBe(200)
  })

  test('400: what is no request', () => {
    const witness = open()
    const note = noteOf(3)
    const hash = Buffer.from(leaf(0)).toString('base64')
    for (const body of [
      '',
      note,
      `old 0\n${note}`,
      `old 00\n\n${note}`,
      `old +1\n\n${note}`,
      `old  0\n\n${note}`,
      `old 9223372036854775808\n\n${note}`,
      `old 0\nAAAA\n\n${note}`,
      `old 0\n${hash.replace('=', '')}\n\n${note}`,
      `old 0\n${`${hash}\n`.repeat(64)}\n${note}`,
      `old 0\r\n\r\n${note}`,
      `old 0\n\n${note.slice(0, -1)}`,
      `old 0\n\n${note.replace('\n3\n', '\n03\n')}`,
      `old 0\n\n${note.replace('\n3\n', '\n9223372036854775808\n')}`,
      `old 0\n\n${note.split('\n').slice(0, 4).join('\n')}\n`,
    ])
      expect(witness.addCheckpoint(utf8(body)).status, body.slice(0, 40)).toBe(400)
    expect(witness.addCheckpoint(concat(utf8('old 0\n\n'), Uint8Array.of(0xff), utf8(note))).status).toBe(400)
  })

  test('sizes to 2^63 − 1, exactly: a proof between trees that no number can tell apart', () => {
    const witness = open()
    // The largest tree: its left half is complete, and the rest hangs in one node for each bit.
    const half = 2n ** 62n
    const [left, right, last] = [leaf(1), leaf(2), leaf(3)]
    const atHalf = noteOf(half, { at: left })
    expect(ask(witness, 0, atHalf).status).toBe(200)
    // 2^62 + 1 and 2^62 + 2 are one number as floating point.
    const plusOne = hashNode(nodeCrypto, left, right)
    expect(ask(witness, half, noteOf(half + 1n, { at: plusOne }), [right]).status).toBe(200)
    expect(ask(witness, half, noteOf(half + 2n, { at: plusOne }), [right])).toMatchObject({
      status: 409,
      body: `${half + 1n}\n`,
    })
    const plusTwo = hashNode(nodeCrypto, left, hashNode(nodeCrypto, right, last))
    expect(ask(witness, half + 1n, noteOf(half + 2n, { at: plusTwo }), [right, last, left]).status).toBe(200)
    const most = 2n ** 63n - 1n
    expect(ask(witness, half + 2n, noteOf(most, { at: plusTwo }), []).status).toBe(422)
    expect(ask(open(), 0, noteOf(most, { at: plusTwo })).status).toBe(200)
  })
})

describe('what it remembers', () => {
  test('over restarts, and a damaged file is refused', () => {
    const file = join(root, 'kept')
    grow(open(file), 0, 11)
    expect(grow(open(file), 0, 12)).toEqual(conflict(11))
    expect(grow(open(file), 11, 12).status).toBe(200)
    writeFileSync(file, '[{')
    expect(() => open(file)).toThrow('state is damaged')
  })

  test('is on disk before it answers: a disk that takes nothing means no cosignature', () => {
    const witness = open(join(root, 'no', '\0', 'disk'))
    expect(() => grow(witness, 0, 5)).toThrow()
    expect(witness.latest(toHex(nodeCrypto.sha256(utf8(ORIGIN))))).toBe(null)
  })

  test('sizes that were numbers in a state of before are read', () => {
    const file = join(root, 'old')
    grow(open(file), 0, 11)
    writeFileSync(file, readFileSync(file, 'utf8').replace('"size":"11"', '"size":11'))
    expect(grow(open(file), 0, 12)).toEqual(conflict(11))
  })
})

describe('keys', () => {
  test('of the logs that it watches, from a file too; an origin is one line', () => {
    const vkeys = logKeys.map(({ key }) => formatVkey(key))
    const text = `# ours\n\nlog ${vkeys[0]} ${ORIGIN}\n${vkeys[1]} ${ORIGIN}\n  log ${vkeys[0]}\n`
    const watched = parseWitnessedLogs(witnessedLogLines(text))
    expect([...watched].map(([origin, keys]) => [origin, keys.map(formatVkey)])).toEqual([
      [ORIGIN, vkeys],
      [first.key.name, [vkeys[0]]],
    ])
    for (const bad of ['x', `${vkeys[0]} `, `${vkeys[0]} a\nb`]) expect(() => parseWitnessedLogs([bad])).toThrow()
  })

  test('a cosignature states its time: a clock at zero makes none', () => {
    const witness = createWitness({
      signers,
      logs: parseWitnessedLogs([formatVkey(first.key)]),
      stateFile: join(root, 'clock'),
      clock: { nowMs: () => 0 },
    })
    expect(() => ask(witness, 0, noteOf(3, { origin: first.key.name }))).toThrow('1970')
  })

  test('ML-DSA-44 as text: 1,312 bytes under type 6; its message commits to name, origin, size and root', () => {
    const { key } = signers[1] as (typeof signers)[1]
    const vkey = formatWitnessVkey(key)
    expect(parseWitnessVkey(nodeCrypto, vkey)).toEqual(key)
    const bytes = fromBase64(vkey.split('+').slice(2).join('+'))
    expect([bytes[0], bytes.length]).toEqual([6, 1_313])
    const note = parseNote(noteOf(3))
    // By hand from tlog-cosignature, "ML-DSA-44 signed message".
    const u64 = (value: number) => {
      const bytes = Buffer.alloc(8)
      bytes.writeBigUInt64BE(BigInt(value))
      return bytes
    }
    const opaque = (text: string) => Buffer.concat([Buffer.of(Buffer.byteLength(text)), Buffer.from(text)])
    const message = Buffer.concat([
      ...[Buffer.from('subtree/v1\n\0'), opaque(WITNESS), u64(NOW), opaque(ORIGIN), u64(0), u64(3), tree.root(3)],
    ])
    const signature = ml_dsa44.sign(new Uint8Array(message), ml_dsa44.keygen(seed(4)).secretKey)
    const line = { name: WITNESS, id: key.id, signature: concat(new Uint8Array(u64(NOW)), signature) }
    expect(cosignedAt(nodeCrypto, { text: note.text, signatures: [line] }, key)).toBe(NOW)
    // An origin that its message has no room for gets the other key's line alone.
    const long = 'o'.repeat(256)
    const witness = createWitness({
      signers,
      logs: parseWitnessedLogs([`${formatVkey(first.key)} ${long}`]),
      stateFile: join(root, 'long'),
      clock: { nowMs: () => 1_000 * NOW },
    })
    expect(ask(witness, 0, noteOf(3, { origin: long })).body.match(/^— /gm)?.length).toBe(1)
  })
})
