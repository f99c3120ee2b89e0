import type { Hex } from 'viem'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { createMerkleTree } from '#runtime/log/merkleTree.ts'
import { toHex, utf8 } from '#verifier/evidence/bytes.ts'
import { hashLeaf, hashNode } from '#verifier/log/merkle.ts'
import { type ContractSpec, same } from './specCase.ts'
import { type SpecWorld, STRANGER, someone } from './specWorld.ts'

const PUBLISHER = someone(0xf2)
const LOG: Hex = `0x${'1a'.repeat(32)}`
const OTHER_LOG: Hex = `0x${'1b'.repeat(32)}`
const NOTHING: Hex = `0x${'00'.repeat(32)}`
const leaves = Array.from({ length: 40 }, (_, i) => hashLeaf(nodeCrypto, utf8(`entry ${i}`)))
const tree = createMerkleTree(leaves)
const hex = (bytes: Uint8Array): Hex => `0x${toHex(bytes)}`
const root = (size: number): Hex => hex(tree.root(size))
const proof = (from: number, to: number): Hex[] => tree.consistencyProof(from, to).map(hex)

const verifies = (world: SpecWorld, size1: number, root1: Hex, size2: number, root2: Hex, words: readonly Hex[]) =>
  world.read('LogAnchor', 'verifyConsistency', [BigInt(size1), root1, BigInt(size2), root2, words])
const anchor = (world: SpecWorld, from: Hex, log: Hex, size: number, head: Hex, words: readonly Hex[]) =>
  world.send('LogAnchor', 'anchor', [log, BigInt(size), head, words], { from })
const headOf = (world: SpecWorld, publisher: Hex, log: Hex) => world.read('LogAnchor', 'headOf', [publisher, log])

/** What LogAnchor must do. */
export const logAnchorSpec: ContractSpec = {
  about: 'LogAnchor',
  contract: 'LogAnchor',
  async open(world) {
    same((await world.deploy('LogAnchor', [])).outcome, 'ok', 'the deployment')
  },
  cases: [
    {
      name: 'a tree extends another one by its proof alone: too short, too long, changed or of other sizes it shows nothing',
      async run(world) {
        const pairs = [
          [1, 2],
          [1, 3],
          [2, 3],
          [3, 4],
          [5, 6],
          [5, 7],
          [6, 7],
          [8, 9],
          [9, 10],
          [9, 12],
          [12, 17],
          [13, 14],
          [17, 18],
          [20, 24],
          [5, 33],
        ]
        for (const [from, to] of pairs as [number, number][]) {
          const words = proof(from, to)
          const what = `${from} to ${to}`
          const ask = (list: readonly Hex[]) => verifies(world, from, root(from), to, root(to), list)
          same(await ask(words), 'true', what)
          same(await ask(words.slice(0, -1)), 'false', `${what}, without the last word`)
          same(await ask(words.slice(1)), 'false', `${what}, without the first word`)
          same(await ask([...words, LOG]), 'false', `${what}, a word too many`)
          same(await ask([]), 'false', `${what}, no word`)
          for (const i of words.keys())
            same(await ask(words.map((word, at) => (at === i ? LOG : word))), 'false', `${what}, word ${i} changed`)
          same(await verifies(world, from, LOG, to, root(to), words), 'false', `${what}, another first root`)
          same(await verifies(world, from, root(from), to, LOG, words), 'false', `${what}, another last root`)
          same(await verifies(world, from, root(from), 2 * to, root(to), words), 'false', `${what}, another size`)
        }
      },
    },
    {
      name: 'roots that are made for it make no proof of one that is too short, too long, or goes backwards',
      async run(world) {
        const join = (left: Hex, right: Hex) =>
          hex(hashNode(nodeCrypto, Buffer.from(left.slice(2), 'hex'), Buffer.from(right.slice(2), 'hex')))
        const short = join(root(1), LOG)
        same(await verifies(world, 1, root(1), 4, short, [LOG]), 'false', 'a word of two')
        same(await verifies(world, 1, root(1), 2, short, [LOG]), 'true', 'a word of one')
        const [long1, long2] = [join(LOG, root(3)), join(LOG, root(4))]
        same(await verifies(world, 3, root(3), 4, root(4), proof(3, 4)), 'true', 'as many words as it takes')
        same(await verifies(world, 3, long1, 4, long2, [...proof(3, 4), LOG]), 'false', 'a word too many')
        const back = join(join(LOG, OTHER_LOG), LOG)
        same(await verifies(world, 5, LOG, 3, back, [LOG, OTHER_LOG, LOG]), 'false', 'backwards')
      },
    },
    {
      name: 'nothing extends the empty tree, no tree a larger one, and a tree itself by no words',
      async run(world) {
        same(await verifies(world, 0, NOTHING, 1, root(1), []), 'false', 'the empty tree')
        same(await verifies(world, 0, NOTHING, 0, NOTHING, []), 'false', 'the empty tree, twice')
        same(await verifies(world, 0, NOTHING, 2, root(2), proof(1, 2)), 'false', 'the empty tree, with words')
        same(await verifies(world, 4, root(4), 3, root(3), proof(3, 4)), 'false', 'backwards')
        same(await verifies(world, 4, root(4), 4, root(4), []), 'true', 'itself')
        same(await verifies(world, 1, root(1), 1, root(1), []), 'true', 'itself, of one leaf')
        same(await verifies(world, 4, root(4), 4, root(3), []), 'false', 'another of its size')
        same(await verifies(world, 4, root(4), 4, root(4), [LOG]), 'false', 'itself, with a word')
      },
    },
    {
      name: 'the first head needs no proof and takes none; the next one extends it',
      async run(world) {
        const first = await anchor(world, PUBLISHER, LOG, 5, root(5), [LOG])
        same(first.outcome, 'NotConsistent(0, 5)', 'a first head with a proof')
        same((await anchor(world, PUBLISHER, LOG, 0, NOTHING, [])).outcome, 'NotLarger(0, 0)', 'an empty tree')
        const { outcome, logs } = await anchor(world, PUBLISHER, LOG, 5, root(5), [])
        same(
          [outcome, logs.map(({ event }) => event)],
          ['ok', [`Anchored(${PUBLISHER}, ${LOG}, 5, ${root(5)})`]],
          'the first',
        )
        const block = BigInt(await world.chain.rpc<Hex>('eth_blockNumber', []))
        same(await headOf(world, PUBLISHER, LOG), `[5, ${block}, ${root(5)}]`, 'the head')
        same(await headOf(world, STRANGER, LOG), `[0, 0, ${NOTHING}]`, 'of another publisher')
        same(await headOf(world, PUBLISHER, OTHER_LOG), `[0, 0, ${NOTHING}]`, 'of another log')
        same((await anchor(world, PUBLISHER, LOG, 5, root(5), [])).outcome, 'NotLarger(5, 5)', 'again')
        same((await anchor(world, PUBLISHER, LOG, 4, root(4), [])).outcome, 'NotLarger(5, 4)', 'a rollback')
        same((await anchor(world, PUBLISHER, LOG, 9, root(9), [])).outcome, 'NotConsistent(5, 9)', 'no proof')
        same((await anchor(world, PUBLISHER, LOG, 9, root(9), proof(4, 9))).outcome, 'NotConsistent(5, 9)', 'a fork')
        const next = await anchor(world, PUBLISHER, LOG, 9, root(9), proof(5, 9))
        same([next.outcome, next.logs[0]?.event], ['ok', `Anchored(${PUBLISHER}, ${LOG}, 9, ${root(9)})`], 'the next')
        same(await headOf(world, PUBLISHER, LOG), `[9, ${block + 5n}, ${root(9)}]`, 'its head')
        same((await anchor(world, STRANGER, LOG, 3, root(3), [])).outcome, 'ok', 'another publisher, from the start')
        same((await anchor(world, PUBLISHER, OTHER_LOG, 3, root(3), [])).outcome, 'ok', 'another log, from the start')
        same(await headOf(world, PUBLISHER, LOG), `[9, ${block + 5n}, ${root(9)}]`, 'nobody meets')
      },
    },
    {
      name: 'a publisher is who calls, not who sends the transaction',
      async run(world) {
        const data = world.encode('LogAnchor', 'anchor', [LOG, 5n, root(5), []])
        const { logs } = await world.run(world.forwarder, [{ to: world.address('LogAnchor'), data }], {
          from: PUBLISHER,
        })
        same(
          logs.map(({ event }) => event),
          [`Anchored(${world.forwarder}, ${LOG}, 5, ${root(5)})`],
          'the event',
        )
        same((await headOf(world, PUBLISHER, LOG)).startsWith('[0, '), true, 'the sender has no head')
        same((await headOf(world, world.forwarder, LOG)).startsWith('[5, '), true, 'the caller has')
      },
    },
  ],
}
