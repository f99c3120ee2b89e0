import { type Hex, keccak256, numberToHex, parseAbi } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Artifact } from '#runtime/chain/artifacts.ts'
import { type Devnet, startDevnet } from '#runtime/chain/devnet/startDevnet.ts'
import { createArena, EXECUTOR } from '../../test/attack/chain/arena.ts'
import { compileContracts } from '../../test/attack/chain/mutants.ts'

// Stand-ins by anvil_setCode: ArbSys, whose blocks are far from the node's, and the history contract of EIP-2935.
const [ARB_SYS, HISTORY] = [`0x${'00'.repeat(19)}64`, '0x0000F90827F1C53a10cb7A02335B175320002935'] as const
const AHEAD = 1_000_000n
let net: Devnet
let contracts: (name: string) => Artifact
beforeAll(async () => {
  net = await startDevnet({
    ...{ startSeconds: 1_700_000_000, startTick: 200_000, verifiers: [EXECUTOR.address], threshold: 1 },
    ...{ executor: EXECUTOR.address, treasury: { dollars: 1n, weth: 1n }, codeSizeLimit: 40_000 },
  })
  contracts = compileContracts([])
}, 240_000)
afterAll(() => net?.stop())

const rpc = (method: string, params: unknown[]) => net.client.public.request({ method, params } as never)
/** Puts the code of a deployed stand-in where the chain's own contract would be. */
async function standIn(at: string, name: string): Promise<void> {
  const deployed = await net.client.deploy(net.deployer, contracts(name), [])
  await rpc('anvil_setCode', [at, await net.client.public.getCode({ address: deployed })])
}
const isOn = (module: Hex) =>
  net.client.public.readContract({
    ...{ address: module, abi: parseAbi(['function onArbitrum() view returns (bool)']), functionName: 'onArbitrum' },
  })
const hashOf = (number: bigint) => keccak256(numberToHex(number, { size: 32 }))

test('beyond 256 blocks a hash comes from EIP-2935 where there is one, and without it the verdict is refused', async () => {
  const arena = await createArena(net, contracts)
  expect(await isOn(arena.module)).toBe(false)
  const message = await arena.verdict()
  const signatures = [await arena.sign(message)]
  await rpc('anvil_setCode', [HISTORY, '0x'])
  await rpc('anvil_mine', ['0x102'])
  expect(await arena.execute(message, signatures)).toContain('ReferenceBlockUnknown')
  // A contract that answers with this block's own hash: PUSH32, MSTORE, RETURN.
  await rpc('anvil_setCode', [HISTORY, `0x7f${message.refBlockHash.slice(2)}60005260206000f3`])
  expect(await arena.execute(message, signatures)).toBe('succeeded')
  const other = await arena.verdict({ refBlock: message.refBlock, refBlockHash: `0x${'11'.repeat(32)}` })
  expect(await arena.execute(other, [await arena.sign(other)])).toContain('ReferenceBlockReorged')
}, 240_000)

test('on Arbitrum blocks are those of ArbSys, in number and hash, and older ones those of EIP-2935', async () => {
  await standIn(ARB_SYS, 'ArbSys')
  await rpc('anvil_setCode', [HISTORY, '0x'])
  try {
    const arena = await createArena(net, contracts)
    expect(await isOn(arena.module)).toBe(true)
    const now = AHEAD + (await net.client.public.getBlockNumber({ cacheTime: 0 }))
    const at = (refBlock: bigint, refBlockHash = hashOf(refBlock)) => arena.signedByAll({ refBlock, refBlockHash })
    expect(await at(now - 3n)).toBe('succeeded')
    expect(await at(now - 3n, `0x${'11'.repeat(32)}`)).toContain('ReferenceBlockReorged')
    expect(await at(now + 1_000n)).toContain('ReferenceBlockUnknown')
    // The node's own blocks, Ethereum's on Arbitrum, are none of its.
    expect(await arena.signedByAll({})).toContain('ReferenceBlockUnknown')
    expect(await at(AHEAD + 1n)).toContain('ReferenceBlockUnknown')
    await standIn(HISTORY, 'BlockHistory')
    expect(await at(AHEAD + 1n)).toBe('succeeded')
  } finally {
    await rpc('anvil_setCode', [ARB_SYS, '0x'])
    await rpc('anvil_setCode', [HISTORY, '0x'])
  }
}, 240_000)
