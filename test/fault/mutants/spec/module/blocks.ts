import { encodeFunctionData, type Hex, pad, parseAbi } from 'viem'
import { type ContractSpec, type SpecCase, same } from '../specCase.ts'
import { GUARDIAN, POLICY, type SpecWorld } from '../specWorld.ts'
import { openModule, read, trial, verifierAddresses } from './moduleWorld.ts'

const ARB_SYS: Hex = `0x${'00'.repeat(19)}64`
const HISTORY: Hex = '0x0000f90827f1c53a10cb7a02335b175320002935'
const ARB_ABI = parseAbi([
  'function arbBlockNumber() view returns (uint256)',
  'function arbBlockHash(uint256 number) view returns (bytes32)',
])
const hashOf = (n: number): Hex => `0x${n.toString(16).padStart(2, '0').repeat(32)}`
const NOW = 5_000_000n

const settle = (world: SpecWorld, at: Hex) => world.chain.rpc('anvil_setCode', [at, world.puppetCode])
const askHistory = (number: bigint) => pad(`0x${number.toString(16)}`)

/** A verdict names a block that this chain still knows. */
export const BLOCK_CASES: readonly SpecCase[] = [
  {
    name: 'a verdict names a past block by its hash, as long as the chain knows it',
    async run(world) {
      const { refBlock } = world
      const latest = BigInt(await world.chain.rpc<Hex>('eth_blockNumber', []))
      same(await trial(world, {}), 'ok', 'a block behind')
      same(
        await trial(world, { refBlockHash: hashOf(1) }),
        `ReferenceBlockReorged(${refBlock.number}, ${hashOf(1)}, ${refBlock.hash})`,
        'another hash',
      )
      for (const number of [latest, latest + 1n, 10n ** 12n])
        same(await trial(world, { refBlock: number }), `ReferenceBlockUnknown(${number})`, 'a block that is not behind')
      const before = await world.chain.rpc<{ hash: Hex }>('eth_getBlockByNumber', [
        `0x${(latest - 1n).toString(16)}`,
        false,
      ])
      same(await trial(world, { refBlock: latest - 1n, refBlockHash: before.hash }), 'ok', 'the last block behind')
      // What EIP-2935 keeps, told by a stand-in: beyond 256 blocks nothing else knows.
      await settle(world, HISTORY)
      await world.teachBytes(HISTORY, { call: askHistory(refBlock.number), answer: hashOf(9) })
      same(await trial(world, {}), 'ok', 'the chain itself is asked first')
      await world.chain.rpc('anvil_mine', ['0x12c'])
      same(
        await trial(world, {}),
        `ReferenceBlockReorged(${refBlock.number}, ${refBlock.hash}, ${hashOf(9)})`,
        'another hash in the history',
      )
      same(await trial(world, { refBlockHash: hashOf(9) }), 'ok', 'the hash in the history')
      for (const [answer, reverts] of [
        ['0x', false],
        [pad('0x00'), false],
        [`${refBlock.hash}00`, false],
        [refBlock.hash, true],
      ] as [Hex, boolean][]) {
        await world.teachBytes(HISTORY, { call: askHistory(refBlock.number), answer, reverts })
        same(await trial(world, {}), `ReferenceBlockUnknown(${refBlock.number})`, 'a block that is forgotten')
      }
    },
  },
]

/** On Arbitrum blocks are those that ArbSys tells: here a stand-in at its address. */
export const arbitrumSpec: ContractSpec = {
  about: 'WarrantModule on Arbitrum',
  contract: 'WarrantModule',
  async open(world) {
    await settle(world, ARB_SYS)
    await world.teach(ARB_SYS, { abi: ARB_ABI, name: 'arbBlockNumber', args: [], answer: NOW })
    await world.teach(ARB_SYS, { abi: ARB_ABI, name: 'arbBlockHash', args: [NOW - 1n], answer: hashOf(3) })
    await openModule(world)
  },
  cases: [
    {
      name: 'blocks are those of ArbSys, then those of the history',
      async run(world) {
        same(await read(world, 'onArbitrum'), 'true', 'it is known')
        const named = (refBlock: bigint, refBlockHash: Hex) => trial(world, { refBlock, refBlockHash })
        same(await named(NOW - 1n, hashOf(3)), 'ok', 'the last block')
        same(
          await named(NOW - 1n, hashOf(4)),
          `ReferenceBlockReorged(${NOW - 1n}, ${hashOf(4)}, ${hashOf(3)})`,
          'another hash',
        )
        for (const number of [NOW, NOW + 1n])
          same(await named(number, hashOf(3)), `ReferenceBlockUnknown(${number})`, 'not behind')
        await settle(world, HISTORY)
        const old = NOW - 1_000n
        const question = encodeFunctionData({ abi: ARB_ABI, functionName: 'arbBlockHash', args: [old] })
        await world.teachBytes(ARB_SYS, { call: question, answer: hashOf(5), reverts: true })
        same(await named(old, hashOf(5)), `ReferenceBlockUnknown(${old})`, 'too old')
        await world.teachBytes(HISTORY, { call: askHistory(old), answer: hashOf(6) })
        same(
          [await named(old, hashOf(6)), await named(old, hashOf(5))],
          ['ok', `ReferenceBlockReorged(${old}, ${hashOf(5)}, ${hashOf(6)})`],
          'in the history',
        )
        // Ethereum's own blocks are none of this chain's.
        same(
          await named(world.refBlock.number, world.refBlock.hash),
          `ReferenceBlockUnknown(${world.refBlock.number})`,
          "Ethereum's",
        )
      },
    },
    {
      name: 'a chain is Arbitrum where ArbSys tells a number',
      async run(world) {
        const args = [world.safe, verifierAddresses(), 2n, POLICY, GUARDIAN]
        const number = encodeFunctionData({ abi: ARB_ABI, functionName: 'arbBlockNumber' })
        for (const [answer, reverts, expected] of [
          [pad('0x01'), false, 'true'],
          [pad('0x01'), true, 'false'],
          ['0x', false, 'false'],
          [`${pad('0x01')}00`, false, 'false'],
        ] as [Hex, boolean, string][]) {
          await world.teachBytes(ARB_SYS, { call: number, answer, reverts })
          const { created } = await world.deployAnother('WarrantModule', args)
          same(
            await world.read('WarrantModule', 'onArbitrum', [], { to: created as Hex }),
            expected,
            `${answer}, ${reverts}`,
          )
        }
      },
    },
  ],
}
