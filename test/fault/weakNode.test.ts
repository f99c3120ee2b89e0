import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createChainPort } from '#runtime/chain/createChainPort.ts'
import { compileContracts } from '../attack/chain/mutants.ts'
import { createWatchedTreasury, STRANGER, THIEF, type WatchedTreasury, watchOf } from '../support/watchedTreasury.ts'
import { startWeakNode, type WeakNode } from '../support/weakNode.ts'

// The watch by nodes as they are: limits on ranges and results, state of a few blocks, answers of nothing, hours away.
let treasury: WatchedTreasury
let node: WeakNode
let undo: () => Promise<unknown>
beforeAll(async () => {
  treasury = await createWatchedTreasury(compileContracts([]))
}, 120_000)
afterAll(() => treasury?.stop())
beforeEach(async () => {
  undo = await treasury.snapshot()
  node = await startWeakNode(treasury.net.url)
})
afterEach(async () => {
  await node.stop()
  await undo()
})

const allow = (amount: bigint) =>
  treasury.asOwners(treasury.market.dollar, treasury.erc20('approve', treasury.bundle, amount))
const steal = (amount: bigint) =>
  treasury.inOne([{ to: treasury.market.dollar, data: treasury.transferFrom(treasury.safe, THIEF.address, amount) }])
const poke = () =>
  treasury.inOne([{ to: treasury.market.dollar, data: treasury.transferFrom(treasury.safe, STRANGER.address, 0n) }])

describe('logs of a range', () => {
  test.each<[string, WeakNode['weakness']]>([
    ['at most 7 blocks at once', { mostBlocks: 7 }],
    ['at most one block at once', { mostBlocks: 1 }],
    ['at most 3 results at once', { mostResults: 3 }],
  ])('%s: halved until it is answered, nothing is missing, nothing twice', async (_what, weakness) => {
    const fromBlock = (await createChainPort(node.url).head()).number + 1
    for (let i = 0; i < 9; i++) {
      await poke()
      await treasury.mine(5)
    }
    const toBlock = (await createChainPort(node.url).head()).number
    const request = { address: treasury.market.dollar, fromBlock, toBlock }
    const whole = await createChainPort(treasury.net.url).logs(request)
    Object.assign(node.weakness, weakness)
    expect(await createChainPort(node.url).logs(request)).toEqual(whole)
    expect(whole).toHaveLength(9)
  })

  test('answers that are cut off at a round number without a word are asked for again', async () => {
    const fromBlock = (await createChainPort(node.url).head()).number + 1
    const step = {
      to: treasury.market.dollar,
      data: treasury.transferFrom(treasury.safe, STRANGER.address, 0n),
    }
    for (let i = 0; i < 6; i++) await treasury.inOne(Array.from({ length: 200 }, () => step))
    const toBlock = (await createChainPort(node.url).head()).number
    const request = { address: treasury.market.dollar, fromBlock, toBlock }
    Object.assign(node.weakness, { mostResults: 1_000, cutsOff: true })
    expect(await createChainPort(node.url).logs(request)).toHaveLength(1_200)
  }, 60_000)

  test('a node that is gone is not asked again and again', async () => {
    const chain = createChainPort(node.url)
    node.weakness.away = true
    await expect(chain.logs({ fromBlock: 1, toBlock: 1_000_000 })).rejects.toThrow(/eth_getLogs failed/)
  })
})

describe('state that a node no longer has', () => {
  test.each(['null', '4444', 'missing trie node', '429'] as const)(
    '%s is no amount: the port says so',
    async pruned => {
      const old = (await createChainPort(node.url).head()).number
      await treasury.mine(20)
      Object.assign(node.weakness, { stateBlocks: 10, pruned })
      const chain = createChainPort(node.url)
      const data = `0x70a08231${treasury.safe.slice(2).padStart(64, '0')}`
      await expect(chain.read({ to: treasury.market.dollar, data }, old)).rejects.toThrow(/eth_call failed/)
      await expect(chain.nativeBalance(treasury.safe, old)).rejects.toThrow(/eth_getBalance failed/)
    },
  )

  test.each(['null', '4444', '429'] as const)(
    '%s after an outage: by what it knew the watch sees all that any node tells, also in a later life',
    async pruned => {
      await allow(5n)
      const first = await watchOf(treasury, { url: node.url })
      Object.assign(node.weakness, { stateBlocks: 10, pruned, mostBlocks: 8 })
      await steal(2n)
      await treasury.tell(treasury.staked, 'StakedToken', 'confiscate', [treasury.safe, 5n])
      await treasury.mine(200)
      const again = await watchOf(treasury, { url: node.url, from: first.last() })
      for (let i = 0; i < 3; i++) await again.watch.round()
      expect(again.reasons().sort()).toEqual([
        'STK: 5 shares fell without a reason',
        expect.stringMatching(/^an outflow of 2 USDC/),
      ])
      // It went on: the next theft is told as well.
      await steal(3n)
      for (let i = 0; i < 2; i++) await again.watch.round()
      expect(again.reasons().at(-1)).toMatch(/^an outflow of 3 USDC/)
      expect(again.alarms).toHaveLength(3)
    },
    60_000,
  )

  test('what takes an archive is an alarm with its blocks, once, and the watch goes on', async () => {
    const { watch, reasons, last } = await watchOf(treasury, { url: node.url })
    Object.assign(node.weakness, { stateBlocks: 10, pruned: 'null' })
    const from = last()?.block
    // The owners act: native coins of that block can no longer be told from what follows.
    await treasury.asOwners(treasury.market.dollar, treasury.erc20('transfer', STRANGER.address, 1n))
    await treasury.mine(50)
    for (let i = 0; i < 4; i++) await watch.round()
    expect(reasons()).toEqual([expect.stringMatching(new RegExp(`^blocks ${from} to \\d+: native coins: `))])
    expect(last()?.block).toBe((await createChainPort(node.url).head()).number)
  })
})

describe('a node in bad weather', () => {
  test('away for a while: told after three rounds, pauses nothing by itself, and nothing is missed', async () => {
    await allow(5n)
    const { watch, alarms, reasons } = await watchOf(treasury, { url: node.url })
    node.weakness.away = true
    await steal(2n)
    const failed: boolean[] = []
    for (let i = 0; i < 5; i++) {
      failed.push(
        await watch.round().then(
          () => false,
          () => true,
        ),
      )
    }
    expect(failed).toEqual([true, true, false, true, true])
    expect(alarms).toEqual([
      expect.objectContaining({ blind: true, reason: expect.stringMatching(/nothing since block/) }),
    ])
    node.weakness.away = false
    for (let i = 0; i < 2; i++) await watch.round()
    expect(reasons().slice(1)).toEqual([expect.stringMatching(/^an outflow of 2 USDC/)])
  }, 60_000)

  test('blocks of which it never gives the logs are an alarm after two rounds; what comes after is seen', async () => {
    await allow(5n)
    const { watch, alarms, last } = await watchOf(treasury, { url: node.url })
    await treasury.mine(3)
    const head = (await createChainPort(node.url).head()).number
    node.weakness.blind = { from: head, to: head }
    await watch.round()
    expect(alarms).toEqual([])
    await watch.round()
    expect(alarms).toEqual([
      { transactionHash: null, blockNumber: head, reason: expect.stringMatching(/could not be looked at/) },
    ])
    expect(last()?.block).toBe(head)
    await steal(5n)
    for (let i = 0; i < 2; i++) await watch.round()
    expect(alarms.at(-1)?.reason).toMatch(/^an outflow of 5 USDC/)
  }, 60_000)

  test('after a reorganisation what came before it is looked at again', async () => {
    await allow(5n)
    const { watch, reasons } = await watchOf(treasury, { url: node.url })
    const back = await treasury.snapshot()
    await treasury.mine(2)
    await watch.round()
    await back()
    await steal(4n)
    await treasury.mine(3)
    for (let i = 0; i < 2; i++) await watch.round()
    expect(reasons()).toEqual([expect.stringMatching(/^an outflow of 4 USDC/)])
  })
})
