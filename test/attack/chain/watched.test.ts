import { encodeFunctionData, encodePacked, type Hex, parseAbi, size, zeroAddress } from 'viem'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { packageArtifact } from '#runtime/chain/artifacts.ts'
import { createChainPort } from '#runtime/chain/createChainPort.ts'
import { SAFE_ABI } from '#runtime/chain/devnet/deploySafe.ts'
import { reconcile } from '#verifier/audit/completeness.ts'
import { createHoldings } from '#verifier/audit/treasury/holdings.ts'
import { treasuryOf } from '#verifier/audit/treasury/treasuryOf.ts'
import type { ChainPort } from '#verifier/evidence/ports/chain.ts'
import { createWatchedTreasury, STRANGER, THIEF, type WatchedTreasury, watchOf } from '../../support/watchedTreasury.ts'
import { compileContracts } from './mutants.ts'

// A treasury on a real chain, and a watch beside it: what a stranger can make happen is no alarm, what is really lost is.
const FROM_MODULE = parseAbi([
  'function execTransactionFromModule(address to, uint256 value, bytes data, uint8 operation) returns (bool)',
])
const GUARD = parseAbi(['function allowModule(address module, bool allowed)'])
let treasury: WatchedTreasury
let undo: () => Promise<unknown>
beforeAll(async () => {
  treasury = await createWatchedTreasury(compileContracts([]))
}, 120_000)
afterAll(() => treasury?.stop())
beforeEach(async () => {
  undo = await treasury.snapshot()
})
afterEach(() => undo())

/** A node without a tracer. */
const untraced = (url: string): ChainPort => ({ ...createChainPort(url), trace: async () => null })
/** A node whose tracer tells no events: trace_transaction alone. */
const withoutEvents = (url: string): ChainPort => {
  const chain = createChainPort(url)
  const bare = (frame: NonNullable<Awaited<ReturnType<ChainPort['trace']>>>): typeof frame => ({
    ...frame,
    logs: null,
    calls: frame.calls.map(bare),
  })
  return {
    ...chain,
    trace: async hash => {
      const frame = await chain.trace(hash)
      return frame === null ? null : bare(frame)
    },
  }
}

/** What a watch tells within two rounds after something happened, and what an audit of the same blocks says. */
async function toldAfter(
  happens: () => Promise<unknown>,
  chain: ChainPort = createChainPort(treasury.net.url),
): Promise<{ told: string[]; audit: Awaited<ReturnType<typeof reconcile>> }> {
  const { watch, reasons } = await watchOf(treasury, { url: treasury.net.url, chain })
  const fromBlock = (await chain.head()).number
  await happens()
  await watch.round()
  await watch.round()
  const identity = treasuryOf(treasury.policy)
  const audit = await reconcile({
    chain,
    identity,
    holdings: createHoldings(chain, identity),
    outcomes: [],
    proposalOf: () => null,
    fromBlock,
    toBlock: (await chain.head()).number,
  })
  expect(audit.unexplained.map(({ reason }) => reason).sort()).toEqual(reasons().sort())
  expect(audit.unseen).toEqual([])
  return { told: reasons(), audit }
}

const dollars = () => treasury.market.dollar
const allow = (amount: bigint, spender: Hex) => treasury.asOwners(dollars(), treasury.erc20('approve', spender, amount))
const steal = (amount: bigint, from: Hex = treasury.safe) => ({
  to: dollars(),
  data: treasury.transferFrom(from, THIEF.address, amount),
})
/** Switches the guard off, and lets the thief be a module. */
async function letIn(module: Hex): Promise<void> {
  await treasury.asOwners(
    treasury.safe,
    encodeFunctionData({ abi: SAFE_ABI, functionName: 'enableModule', args: [module] }),
  )
}
const unguard = () =>
  treasury.asOwners(
    treasury.safe,
    encodeFunctionData({ abi: SAFE_ABI, functionName: 'setModuleGuard', args: [zeroAddress] }),
  )
const asModule = (to: Hex, data: Hex, value = 0n) =>
  encodeFunctionData({ abi: FROM_MODULE, functionName: 'execTransactionFromModule', args: [to, value, data, 0] })

describe('a stranger makes something happen to the Safe: no alarm, no pause, exit 0', () => {
  test.each<[string, () => Promise<unknown>]>([
    ['a transfer of nothing from the Safe', () => treasury.inOne([steal(0n)], STRANGER)],
    [
      'an event of a transfer by his own contract',
      () =>
        treasury.inOne(
          [{ to: treasury.bundle, data: treasury.encode('Bundle', 'pretend', [treasury.safe, STRANGER.address, 5n]) }],
          STRANGER,
        ),
    ],
    ['dust of a listed token', () => treasury.market.mintDollars(treasury.safe, 1n)],
    ['native coins', () => treasury.client.send(STRANGER, { to: treasury.safe, value: 3n })],
    ['native coins by force', () => treasury.client.setBalance(treasury.safe, 2n * 10n ** 18n)],
    ['a position', () => treasury.mintPosition(treasury.safe)],
    [
      'a position that he had taken liquidity out of before he gave it away',
      async () => {
        await treasury.mintPosition(STRANGER.address)
        const id = await treasury.lastPositionOf(STRANGER.address)
        const abi = parseAbi([
          'function decreaseLiquidity((uint256 tokenId, uint128 liquidity, uint256 amount0Min, uint256 amount1Min, uint256 deadline)) payable returns (uint256, uint256)',
          'function collect((uint256 tokenId, address recipient, uint128 amount0Max, uint128 amount1Max)) payable returns (uint256, uint256)',
          'function transferFrom(address from, address to, uint256 tokenId)',
        ])
        const decrease = { tokenId: id, liquidity: 1_000n, amount0Min: 0n, amount1Min: 0n, deadline: 4_000_000_000n }
        const collect = { tokenId: id, recipient: STRANGER.address, amount0Max: 2n ** 127n, amount1Max: 2n ** 127n }
        for (const data of [
          encodeFunctionData({ abi, functionName: 'decreaseLiquidity', args: [decrease] }),
          encodeFunctionData({ abi, functionName: 'collect', args: [collect] }),
          encodeFunctionData({ abi, functionName: 'transferFrom', args: [STRANGER.address, treasury.safe, id] }),
        ])
          await treasury.client.send(STRANGER, { to: treasury.positions, data })
      },
    ],
    [
      'dust of a token that takes a fee',
      async () => {
        await treasury.tell(treasury.hostile, 'HostileToken', 'setFee', [300n])
        await treasury.tell(treasury.hostile, 'HostileToken', 'transfer', [treasury.safe, 10_000n])
      },
    ],
    [
      'dust of a token with an index, a unit less than its event tells',
      async () => {
        await treasury.tell(treasury.staked, 'StakedToken', 'report', [3n * 10n ** 18n + 1n])
        await treasury.tell(treasury.staked, 'StakedToken', 'transfer', [treasury.safe, 100n])
      },
    ],
    ['an index that rises', () => treasury.tell(treasury.staked, 'StakedToken', 'report', [4n * 10n ** 18n])],
    ['an index that falls', () => treasury.tell(treasury.staked, 'StakedToken', 'report', [10n ** 18n])],
    ['interest without an event', () => treasury.tell(treasury.hostile, 'HostileToken', 'rebase', [10_100n])],
  ])('%s', async (_what, happens) => {
    expect((await toldAfter(happens)).told).toEqual([])
  })

  test('65 positions, and a theft of one unit in the same blocks is told', async () => {
    await allow(1n, treasury.bundle)
    const { told } = await toldAfter(async () => {
      for (let i = 0; i < 65; i++) await treasury.mintPosition(treasury.safe)
      await treasury.inOne([steal(0n)], STRANGER)
      await treasury.inOne([steal(1n)])
    })
    expect(told).toEqual([expect.stringMatching(/^an outflow of 1 USDC that neither/)])
  }, 60_000)
})

describe('what is really lost is told', () => {
  test('one unit of a plain token, beside a gain of more by the same event in another transaction', async () => {
    await allow(1n, treasury.bundle)
    const { told } = await toldAfter(async () => {
      await treasury.market.mintDollars(treasury.safe, 1_000n)
      await treasury.inOne([steal(1n)])
    })
    expect(told).toEqual([expect.stringMatching(/^an outflow of 1 USDC/)])
  })

  test('a position that an operator takes away', async () => {
    await treasury.mintPosition(treasury.safe)
    const id = await treasury.lastPositionOf(treasury.safe)
    const abi = parseAbi([
      'function setApprovalForAll(address operator, bool approved)',
      'function transferFrom(address from, address to, uint256 tokenId)',
    ])
    const all = encodeFunctionData({ abi, functionName: 'setApprovalForAll', args: [THIEF.address, true] })
    await treasury.asOwners(treasury.positions, all)
    const { told } = await toldAfter(() =>
      treasury.client.send(THIEF, {
        to: treasury.positions,
        data: encodeFunctionData({ abi, functionName: 'transferFrom', args: [treasury.safe, THIEF.address, id] }),
      }),
    )
    expect(told).toEqual([expect.stringMatching(new RegExp(`^an outflow of position ${id} `))])
  })

  test('shares of a token with an index that vanish without a word, while the index rises', async () => {
    const { told } = await toldAfter(async () => {
      await treasury.tell(treasury.staked, 'StakedToken', 'report', [4n * 10n ** 18n])
      await treasury.tell(treasury.staked, 'StakedToken', 'confiscate', [treasury.safe, 5n])
    })
    expect(told).toEqual(['STK: 5 shares fell without a reason'])
  })

  test('a token that shrinks, and says nothing of an index', async () => {
    const { told } = await toldAfter(() => treasury.tell(treasury.hostile, 'HostileToken', 'rebase', [9_900n]))
    expect(told).toEqual([expect.stringMatching(/^EVIL changed by -10000000000000000, its events explain 0/)])
  })
})

describe('many acts in one transaction are told apart', () => {
  /** The owners pay 7, sent by a stranger, who takes 5 in the same transaction by an allowance. */
  async function bundled(): Promise<void> {
    const paid = await treasury.signedByOwners(dollars(), treasury.erc20('transfer', STRANGER.address, 7n))
    await treasury.inOne([{ to: treasury.safe, data: paid }, steal(5n)])
  }
  test.each<[string, (url: string) => ChainPort, RegExp]>([
    ['by a trace', createChainPort, /^an outflow of 5 USDC that neither/],
    ['by a trace that tells no events', withoutEvents, /^an outflow of 5 USDC that neither/],
    [
      'by the owners’ decoded call, without a trace',
      untraced,
      /cannot be told who did it: .* of the 12 of 0x\w+ that left the owners' calls send 7/,
    ],
  ])('a theft bundled with the owners’ transaction, %s', async (_by, chainOf, reason) => {
    await allow(5n, treasury.bundle)
    const { told } = await toldAfter(bundled, chainOf(treasury.net.url))
    expect(told).toEqual([expect.stringMatching(reason)])
  })

  test.each<[string, (url: string) => ChainPort]>([
    ['by a trace', createChainPort],
    ['by a trace that tells no events', withoutEvents],
    ['by their decoded call', untraced],
  ])('the owners’ transaction alone, brought by a stranger’s contract, is theirs, %s', async (_by, chainOf) => {
    const { told, audit } = await toldAfter(async () => {
      const paid = await treasury.signedByOwners(dollars(), treasury.erc20('transfer', STRANGER.address, 7n))
      await treasury.inOne([{ to: treasury.safe, data: paid }], STRANGER)
    }, chainOf(treasury.net.url))
    expect([told, audit.owners]).toEqual([[], 1])
  })

  test('the owners’ MultiSend, brought by a stranger’s contract, is theirs, without a trace', async () => {
    const multiSend = await treasury.client.deploy(
      treasury.deployer,
      packageArtifact(
        '@safe-global/safe-smart-account/build/artifacts/contracts/libraries/MultiSendCallOnly.sol/MultiSendCallOnly.json',
      ),
      [],
    )
    const step = (to: Hex, data: Hex) =>
      encodePacked(['uint8', 'address', 'uint256', 'uint256', 'bytes'], [0, to, 0n, BigInt(size(data)), data]).slice(2)
    const packed: Hex = `0x${step(dollars(), treasury.erc20('transfer', STRANGER.address, 7n))}${step(treasury.market.weth, treasury.erc20('transfer', STRANGER.address, 9n))}`
    const data = encodeFunctionData({
      abi: parseAbi(['function multiSend(bytes transactions)']),
      functionName: 'multiSend',
      args: [packed],
    })
    const { told, audit } = await toldAfter(async () => {
      const signed = await treasury.signedByOwners(multiSend, data, { operation: 1 })
      await treasury.inOne([{ to: treasury.safe, data: signed }], STRANGER)
    }, untraced(treasury.net.url))
    expect([told, audit.owners]).toEqual([[], 1])
  })

  test('a decoy of an owners’ call in the input explains nothing, without a trace', async () => {
    await allow(5n, treasury.bundle)
    const { told } = await toldAfter(async () => {
      const decoy = await treasury.signedByOwners(dollars(), treasury.erc20('transfer', THIEF.address, 5n))
      const real = await treasury.signedByOwners(dollars(), treasury.erc20('approve', STRANGER.address, 0n))
      // The decoy is an argument that nobody calls.
      const unused = treasury.encode('Bundle', 'run', [[]])
      await treasury.inOne([
        { to: treasury.safe, data: real },
        { to: treasury.bundle, data: `${unused}${decoy.slice(2)}` },
        steal(5n),
      ])
    }, untraced(treasury.net.url))
    expect(told).toEqual([expect.stringMatching(/cannot be told who did it/)])
  })

  test('a module that no guard allows, inside the owners’ own transaction', async () => {
    await unguard()
    await letIn(treasury.bundle)
    const { told } = await toldAfter(async () => {
      const inner = asModule(dollars(), treasury.erc20('transfer', THIEF.address, 5n))
      await treasury.asOwners(treasury.bundle, treasury.encode('Bundle', 'run', [[{ to: treasury.safe, data: inner }]]))
    })
    expect(told).toEqual([
      `module ${treasury.bundle}, which no guard allows, executed through the Safe, and took 5 USDC`,
    ])
  })

  test('a module that the guard allows is a class of its own; once it is not, it is a theft', async () => {
    const { guard } = treasury.net.chain
    await letIn(STRANGER.address)
    const allowed = (is: boolean) =>
      treasury.asOwners(
        guard as Hex,
        encodeFunctionData({ abi: GUARD, functionName: 'allowModule', args: [STRANGER.address, is] }),
      )
    await allowed(true)
    const take = (value = 0n) =>
      treasury.client.send(STRANGER, {
        to: treasury.safe,
        data: asModule(dollars(), treasury.erc20('transfer', STRANGER.address, 5n), value),
        gas: 500_000n,
      })
    const { told, audit } = await toldAfter(() => take())
    expect([told, audit.modules]).toEqual([[], 1])
    await unguard()
    expect((await toldAfter(() => take())).told).toEqual([expect.stringContaining('which no guard allows')])
  })

  test('the refund of gas for an owners’ transaction that failed is theirs, in tokens and in native coins', async () => {
    for (const gasToken of [dollars(), zeroAddress]) {
      const { told } = await toldAfter(async () => {
        // It sends more than the Safe has, and fails; the gas is paid for all the same.
        const call = treasury.erc20('transfer', STRANGER.address, 10n ** 30n)
        const refund = {
          safeTxGas: 100_000n,
          baseGas: 10_000n,
          gasPrice: 1n,
          gasToken,
          refundReceiver: STRANGER.address,
        }
        const signed = await treasury.signedByOwners(dollars(), call, refund)
        await treasury.client.send(STRANGER, { to: treasury.safe, data: signed, gas: 1_000_000n })
      })
      expect(told).toEqual([])
    }
  })
})

describe('a log that lags behind', () => {
  test('what is suspect is told once, at the second look; what comes at every round is told each time', async () => {
    await allow(3n, treasury.bundle)
    const { watch, alarms } = await watchOf(treasury, { url: treasury.net.url })
    const told: number[] = []
    for (let i = 0; i < 3; i++) {
      await treasury.inOne([steal(1n)])
      await watch.round()
      told.push(alarms.length)
    }
    await watch.round()
    await watch.round()
    expect([told, alarms.length]).toEqual([[0, 1, 2], 3])
  })
})
