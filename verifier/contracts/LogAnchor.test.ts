import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createPublicClient, type Hex, http } from 'viem'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createDevClient } from '#runtime/chain/devnet/devClient.ts'
import { type Anvil, startAnvil } from '#runtime/chain/devnet/startAnvil.ts'
import { LOG_ANCHOR_ABI, type LogAnchorWriter, openLogAnchorWriter, readLogAnchor } from '#runtime/chain/logAnchor.ts'
import { openExecutorKey } from '#runtime/chain/signer.ts'
import { anchorLog } from '#runtime/cli/lib/anchorLog.ts'
import { ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { createMerkleTree } from '#runtime/log/merkleTree.ts'
import { rebuildLog } from '#runtime/log/rebuildLog.ts'
import { toHex, utf8 } from '#verifier/evidence/bytes.ts'
import { hashLeaf } from '#verifier/log/merkle.ts'
import { formatVkey, noteKey } from '#verifier/log/signedNote.ts'

const VECTORS = new URL('../../../shared/vectors/merkle/consistency', import.meta.url).pathname
const SNAPSHOT = new URL('./gas/LogAnchor.json', import.meta.url).pathname
const root = mkdtempSync(join(tmpdir(), 'warrant-anchor-'))
const LOG = nodeCrypto.sha256(utf8('a log'))
let anvil: Anvil
let writer: LogAnchorWriter
let contract: string
const leaves = Array.from({ length: 300 }, (_, i) => hashLeaf(nodeCrypto, utf8(`entry ${i}`)))
const tree = createMerkleTree(leaves)
const head = (from: number, to: number) => ({
  log: LOG,
  size: to,
  root: tree.root(to),
  proof: tree.consistencyProof(from, to),
})
const hex = (bytes: Uint8Array): Hex => `0x${toHex(bytes)}`

async function fundedWriter(name: string): Promise<LogAnchorWriter> {
  const file = join(root, name)
  openExecutorKey(file)
  const opened = await openLogAnchorWriter(anvil.url, file)
  await createDevClient(anvil.url, 31_337).setBalance(opened.publisher as Hex, 10n ** 18n)
  return opened
}

beforeAll(async () => {
  anvil = await startAnvil({ chainId: 31_337, startSeconds: 1_700_000_000 })
  writer = await fundedWriter('key')
  contract = await writer.deploy()
})
afterAll(async () => {
  await anvil?.stop()
  rmSync(root, { recursive: true })
})

const verifies = (size1: number, root1: Hex, size2: number, root2: Hex, proof: Hex[]) =>
  createPublicClient({ transport: http(anvil.url) }).readContract({
    address: contract as Hex,
    abi: LOG_ANCHOR_ABI,
    functionName: 'verifyConsistency',
    args: [BigInt(size1), root1, BigInt(size2), root2, proof],
  })

describe.skipIf(!existsSync(VECTORS))('published consistency vectors (skipped where ../shared is absent)', () => {
  test('each is accepted or refused as published, where the chain can be asked it at all', async () => {
    const files = readdirSync(VECTORS, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile())
    expect(files.length).toBe(98)
    let asked = 0
    for (const entry of files) {
      const vector = JSON.parse(readFileSync(join(entry.parentPath, entry.name), 'utf8'))
      const bytes = [vector.root1, vector.root2, ...(vector.proof ?? [])].map(text => Buffer.from(text ?? '', 'base64'))
      // Roots and hashes of another length cannot be words of the chain: nobody can ask it that.
      if (bytes.some(word => word.length !== 32)) continue
      const [root1, root2, ...proof] = bytes.map(hex) as [Hex, Hex, ...Hex[]]
      expect(await verifies(vector.size1, root1, vector.size2, root2, proof), entry.name).toBe(!vector.wantErr)
      asked++
    }
    expect(asked).toBe(71)
  })
})

describe('LogAnchor', () => {
  test('agrees with the verifier on any two sizes, and refuses every changed word', async () => {
    for (let size2 = 1; size2 <= 17; size2++) {
      for (let size1 = 0; size1 <= size2; size1++) {
        const { root: root2, proof } = head(size1, size2)
        const words = proof.map(hex)
        expect(await verifies(size1, hex(tree.root(size1)), size2, hex(root2), words)).toBe(size1 > 0)
        if (words.length === 0) continue
        const changed = [...words]
        changed[(size1 * 7) % words.length] = hex(LOG)
        expect(await verifies(size1, hex(tree.root(size1)), size2, hex(root2), changed)).toBe(false)
      }
    }
  })

  test('takes what extends the last head; a rollback, a fork, a repetition revert; publishers do not meet', async () => {
    await writer.anchor(contract, head(0, 100))
    await writer.anchor(contract, head(100, 200))
    const reader = readLogAnchor(anvil.url, contract)
    expect(await reader.headOf(writer.publisher, LOG)).toMatchObject({ size: 200, root: toHex(tree.root(200)) })
    await expect(writer.anchor(contract, head(0, 150))).rejects.toThrow('NotLarger')
    await expect(writer.anchor(contract, head(0, 200))).rejects.toThrow('NotLarger')
    const other = createMerkleTree([...leaves.slice(0, 150), LOG, ...leaves.slice(151)])
    await expect(
      writer.anchor(contract, { log: LOG, size: 250, root: other.root(250), proof: other.consistencyProof(200, 250) }),
    ).rejects.toThrow('NotConsistent')
    await expect(writer.anchor(contract, { ...head(200, 250), proof: [] })).rejects.toThrow('NotConsistent')
    // The first head of a publisher has nothing to extend: a proof is out of place.
    const stranger = await fundedWriter('stranger')
    await expect(stranger.anchor(contract, { ...head(100, 200) })).rejects.toThrow('NotConsistent')
    await stranger.anchor(contract, { log: LOG, size: 250, root: other.root(250), proof: [] })
    expect((await reader.headOf(writer.publisher, LOG)).size).toBe(200)
  })

  test('gas by tree size, against the snapshot', async () => {
    const gas: Record<string, number> = {}
    for (const size of [1_000, 30_000, 1_000_000]) {
      const grown = createMerkleTree([])
      const row = new Uint8Array(32 * 4_096)
      for (let at = 0; at < size + 999; at += 4_096)
        grown.append(row.subarray(0, 32 * Math.min(4_096, size + 999 - at)))
      const log = nodeCrypto.sha256(utf8(`log of ${size}`))
      const first = { log, size, root: grown.root(size), proof: [] }
      gas[`first, ${size} entries`] = (await writer.anchor(contract, first)).gasUsed
      const proof = grown.consistencyProof(size, size + 999)
      gas[`${size} to ${size + 999} entries, ${proof.length} hashes`] = (
        await writer.anchor(contract, { log, size: size + 999, root: grown.root(size + 999), proof })
      ).gasUsed
    }
    if (process.env.UPDATE_GAS === '1') writeFileSync(SNAPSHOT, `${JSON.stringify(gas, null, 2)}\n`)
    expect(gas).toEqual(JSON.parse(readFileSync(SNAPSHOT, 'utf8')))
  }, 60_000)

  test('warrant log anchor: anchors a log, then finds a rollback and a fork', async () => {
    const signer = ed25519Signer(new Uint8Array(32).fill(5))
    const origin = 'anchor.example/log'
    const entries = Array.from({ length: 40 }, (_, i) => utf8(`entry ${i}`))
    const forked = entries.map((entry, i) => (i === 7 ? utf8('another') : entry))
    const vkey = formatVkey(noteKey(nodeCrypto, origin, signer.publicKey))
    const logOf = async (name: string, some: Uint8Array[]) => {
      const dir = join(root, name)
      await rebuildLog({ dir, origin, signer, entries: some })
      return dir
    }
    const common = { rpc: anvil.url, contract, key: join(root, 'key'), vkey }
    expect(await anchorLog(await logOf('thirty', entries.slice(0, 30)), common)).toMatchObject({ ok: true, size: 30 })
    expect(await anchorLog(await logOf('forty', entries), common)).toMatchObject({
      ok: true,
      anchoredBefore: 30,
      size: 40,
    })
    expect(await anchorLog(join(root, 'thirty'), { ...common, check: true })).toMatchObject({
      ok: false,
      says: expect.stringContaining('rolled back'),
    })
    expect(await anchorLog(await logOf('forked', forked), common)).toMatchObject({
      ok: false,
      says: expect.stringContaining('forked'),
    })
    expect(await anchorLog(join(root, 'forty'), { ...common, check: true })).toMatchObject({ ok: true })
    // Anybody compares by the publisher's address; with an account that anchored nothing, nothing was compared.
    const { key: _, ...anybody } = common
    const { publisher } = writer
    expect(await anchorLog(join(root, 'forty'), { ...anybody, check: true, publisher })).toMatchObject({ ok: true })
    expect(await anchorLog(join(root, 'forked'), { ...anybody, check: true, publisher })).toMatchObject({ ok: false })
    const stranger = await fundedWriter('stranger')
    expect(
      await anchorLog(join(root, 'forked'), { ...anybody, check: true, publisher: stranger.publisher }),
    ).toMatchObject({ ok: false, says: expect.stringContaining('has anchored nothing of this log') })
    await expect(anchorLog(join(root, 'forty'), { ...anybody, check: true })).rejects.toThrow('--publisher ADDRESS')
  })
})
