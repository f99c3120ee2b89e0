import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { createMerkleTree } from '#runtime/log/merkleTree.ts'
import { concat, toHex, utf8 } from '#verifier/evidence/bytes.ts'
import { pureCrypto } from '#verifier/evidence/crypto.ts'
import { createFrontier } from './frontier.ts'
import { emptyRoot, hashLeaf, hashLeaves, hashNode, rowRoot, verifyConsistency, verifyInclusion } from './merkle.ts'
import { encodeBundle } from './tiles.ts'

const VECTORS = new URL('../../../shared/vectors/merkle', import.meta.url).pathname
const bytes = (base64: string | null) => new Uint8Array(Buffer.from(base64 ?? '', 'base64'))
const load = (kind: string) =>
  readdirSync(join(VECTORS, kind), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => {
      const path = join(entry.parentPath, entry.name)
      return { name: path.slice(VECTORS.length), vector: JSON.parse(readFileSync(path, 'utf8')) }
    })

describe.skipIf(!existsSync(VECTORS))('published RFC 6962 vectors (skipped where ../shared is absent)', () => {
  test('inclusion: 98, each accepted or refused as published', () => {
    const vectors = load('inclusion')
    expect(vectors.length).toBe(98)
    for (const { name, vector } of vectors) {
      const ok = verifyInclusion(nodeCrypto, {
        leaf: bytes(vector.leafHash),
        index: vector.leafIdx,
        size: vector.treeSize,
        root: bytes(vector.root),
        proof: (vector.proof ?? []).map(bytes),
      })
      expect(ok, name).toBe(!vector.wantErr)
    }
  })
  test('consistency: 98, each accepted or refused as published', () => {
    const vectors = load('consistency')
    expect(vectors.length).toBe(98)
    for (const { name, vector } of vectors) {
      const ok = verifyConsistency(nodeCrypto, {
        size1: vector.size1,
        size2: vector.size2,
        root1: bytes(vector.root1),
        root2: bytes(vector.root2),
        proof: (vector.proof ?? []).map(bytes),
      })
      expect(ok, name).toBe(!vector.wantErr)
    }
  })
})

/** RFC 6962 §2.1, word for word. */
function naiveRoot(leaves: Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return emptyRoot(nodeCrypto)
  if (leaves.length === 1) return leaves[0] as Uint8Array
  let k = 1
  while (k * 2 < leaves.length) k *= 2
  return hashNode(nodeCrypto, naiveRoot(leaves.slice(0, k)), naiveRoot(leaves.slice(k)))
}

const leavesOf = (n: number) => Array.from({ length: n }, (_, i) => hashLeaf(nodeCrypto, utf8(`entry ${i}`)))

describe('against the recursive definition', () => {
  test('frontier and tree give the root at every size', () => {
    const frontier = createFrontier(nodeCrypto)
    const leaves = leavesOf(300)
    const tree = createMerkleTree(leaves)
    for (let n = 0; n <= 300; n++) {
      const naive = toHex(naiveRoot(leaves.slice(0, n)))
      expect(toHex(frontier.root())).toBe(naive)
      expect(toHex(tree.root(n))).toBe(naive)
      if (n < 300) frontier.append(leaves[n] as Uint8Array)
    }
  })
  test('any two sizes, any index: the proof holds, and no changed one does', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.nat(), fc.nat(), fc.nat(), (size2, a, b, flip) => {
        const leaves = leavesOf(size2)
        // The proofs are of a prefix: the tree has grown since.
        const tree = createMerkleTree([...leaves, ...leavesOf(1 + (flip % 40))])
        const [size1, index] = [1 + (a % size2), b % size2]
        const [root1, root2] = [naiveRoot(leaves.slice(0, size1)), naiveRoot(leaves)]
        const consistency = tree.consistencyProof(size1, size2)
        expect(verifyConsistency(nodeCrypto, { size1, root1, size2, root2, proof: consistency })).toBe(true)
        const inclusion = tree.inclusionProof(index, size2)
        const leaf = leaves[index] as Uint8Array
        expect(verifyInclusion(nodeCrypto, { leaf, index, size: size2, root: root2, proof: inclusion })).toBe(true)
        expect(
          verifyInclusion(nodeCrypto, {
            leaf,
            index: (index + 1) % (size2 + 1),
            size: size2,
            root: root2,
            proof: inclusion,
          }),
        ).toBe(false)
        if (inclusion.length === 0) return
        const changed = inclusion.map(hash => hash.slice())
        const target = changed[flip % changed.length] as Uint8Array
        target[flip % 32] = (target[flip % 32] as number) ^ 1
        expect(verifyInclusion(nodeCrypto, { leaf, index, size: size2, root: root2, proof: changed })).toBe(false)
      }),
      { numRuns: 200 },
    )
  })
  test('many hashes at once: leaves and nodes as one by one, by the kernels and without them', () => {
    const entries = Array.from({ length: 300 }, (_, i) => new Uint8Array((i * 37) % 1_000).fill(i))
    entries.push(new Uint8Array(65_535).fill(7), new Uint8Array(0))
    const bundle = encodeBundle(entries)
    const leaves = entries.map(entry => toHex(hashLeaf(pureCrypto, entry))).join('')
    for (const crypto of [nodeCrypto, pureCrypto]) {
      const row = hashLeaves(crypto, bundle, entries)
      expect(toHex(row)).toBe(leaves)
      for (let n = 0; n <= 70; n++) {
        const some = row.slice(0, 32 * n)
        const list = Array.from({ length: n }, (_, i) => some.slice(32 * i, 32 * i + 32))
        expect(toHex(rowRoot(crypto, some) ?? emptyRoot(crypto))).toBe(toHex(naiveRoot(list)))
      }
    }
    for (let n = 0; n < 300; n++) {
      const message = new Uint8Array(n).fill(n)
      expect(toHex(nodeCrypto.sha256(message))).toBe(toHex(pureCrypto.sha256(message)))
    }
  })
  test('the browser port hashes and verifies as the native one', () => {
    expect(toHex(pureCrypto.sha256(utf8('abc')))).toBe(toHex(nodeCrypto.sha256(utf8('abc'))))
    for (const size of [0, 1, 63, 190, 191, 192, 2_046, 2_047, 2_048, 20_000]) {
      const [head, tail] = [utf8('a\0'), new Uint8Array(size).fill(size)]
      const whole = toHex(pureCrypto.sha256(concat(head, tail)))
      for (const crypto of [nodeCrypto, pureCrypto]) expect(toHex(crypto.sha256(head, tail))).toBe(whole)
    }
    expect(pureCrypto.verifyEd25519(new Uint8Array(32), utf8('x'), new Uint8Array(64))).toBe(false)
    expect(nodeCrypto.verifyEd25519(new Uint8Array(31), utf8('x'), new Uint8Array(3))).toBe(false)
  })
})
