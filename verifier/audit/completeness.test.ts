import { describe, expect, test } from 'vitest'
import { executeCalldata } from '#runtime/chain/executor.ts'
import { DEPOSIT, WITHDRAWAL } from '#verifier/effects/tokenChanges.ts'
import type { CallFrame, ChainLog, ChainPort } from '#verifier/evidence/ports/chain.ts'
import { proposalDigest } from '#verifier/evidence/proposalDigest.ts'
import type { RecordOf } from '#verifier/evidence/record.ts'
import type { Proposal } from '#verifier/evidence/records/proposal.ts'
import type { Verdict } from '#verifier/evidence/records/verdict.ts'
import { type ReconcileParameters, reconcile } from './completeness.ts'
import {
  EXECUTED,
  EXECUTION_FAILURE,
  EXECUTION_SUCCESS,
  MODULE_SUCCESS,
  SAFE_RECEIVED,
  TRANSFER,
  topicOf,
} from './treasury/events.ts'
import { createHoldings } from './treasury/holdings.ts'

// A chain that is told what happened on it: every row says what one transaction did, and what must be said about it.
const at = (byte: string) => `0x${byte.repeat(20)}`
const [SAFE, MODULE, USDC, WETH, MANAGER, GUARD] = ['a1', 'b2', 'c3', 'd4', 'e5', 'f6'].map(at) as [
  string,
  string,
  string,
  string,
  string,
  string,
]
const [STRANGER, OTHER_MODULE, THIRD_MODULE] = [at('01'), at('02'), at('03')]
const identity = {
  safe: SAFE,
  module: MODULE,
  tokens: [
    { symbol: 'USDC', address: USDC },
    { symbol: 'WETH', address: WETH },
  ],
  managers: [MANAGER],
}
const word = (n: bigint | number) => `0x${n.toString(16).padStart(64, '0')}`
const hash = (n: number) => word(n)

const proposal: Proposal = {
  agent: 'trader',
  decision: 'ab'.repeat(32),
  chainId: 31_337,
  safe: SAFE,
  module: MODULE,
  nonce: '7',
  calls: [{ to: USDC, value: '0', data: '0xa9059cbb' }],
  bounds: [{ kind: 0, target: USDC, id: '0', limit: '-1000' }],
  policyDigest: 'cd'.repeat(32),
  executor: at('0e'),
  validUntil: 2_000_000_000,
  signature: 'ee'.repeat(64),
}
const inputOf = (executed: Proposal, digest = proposalDigest(executed)) =>
  executeCalldata(executed, [
    {
      signer: at('0f'),
      proposalDigest: digest,
      refBlock: 9,
      refBlockHash: hash(9),
      validUntil: executed.validUntil,
      signature: `0x${'12'.repeat(65)}`,
    } as unknown as Verdict,
  ])
const EXEC_TRANSACTION = '0x6a761202'
const FROM_MODULE = '0x468721a7'

type Event = { address: string; topics: string[]; data: string }
const transfer = (token: string, from: string, to: string, amount: number): Event => ({
  address: token,
  topics: [TRANSFER, topicOf(from), topicOf(to)],
  data: word(amount),
})
const out = (amount: number, token = USDC, to = STRANGER) => transfer(token, SAFE, to, amount)
const back = (amount: number, token = USDC) => transfer(token, STRANGER, SAFE, amount)
const moved = (id: number, from: string, to: string): Event => ({
  address: MANAGER,
  topics: [TRANSFER, topicOf(from), topicOf(to), word(id)],
  data: '0x',
})
const wrapped = (kind: string, amount: number): Event => ({
  address: WETH,
  topics: [kind, topicOf(SAFE)],
  data: word(amount),
})
const collected = (id: number): Event => ({
  address: MANAGER,
  topics: ['0x40d0efd1a53d60ecbf40971b9daf7dc90178c3aadc7aab1765632738fa8b8f01', word(id)],
  data: `0x${'0'.repeat(64)}${word(5).slice(2)}${word(6).slice(2)}`,
})
const ownersActed = (topic = EXECUTION_SUCCESS): Event => ({ address: SAFE, topics: [topic, hash(1)], data: word(0) })
const moduleActed = (module: string): Event => ({
  address: SAFE,
  topics: [MODULE_SUCCESS, topicOf(module)],
  data: '0x',
})
const executed = (digest = proposalDigest(proposal), nonce = 7): Event => ({
  address: MODULE,
  topics: [EXECUTED, topicOf(SAFE), word(nonce), `0x${digest}`],
  data: '0x',
})

type Happening = { block?: number; events: Event[]; to?: string; input?: string | null; trace?: CallFrame | null }
type World = {
  happened: readonly Happening[]
  /** What falls by no event, by block. */
  drift?: readonly { block: number; token: string; by: bigint }[]
  guard?: string
  allowed?: readonly string[]
  /** Positions of the Safe at the end. */
  positions?: readonly number[]
  blindTo?: (read: { to: string; data: string }) => boolean
}

function logsOf({ happened }: World): ChainLog[] {
  return happened.flatMap(({ block = 101, events }, n) =>
    events.map((event, i) => ({ ...event, transactionHash: hash(n + 1), blockNumber: block, logIndex: 10 * n + i })),
  )
}

function chainOf(world: World): ChainPort {
  const logs = logsOf(world)
  const matches = (wanted: string | string[] | null | undefined, topic: string | undefined) =>
    wanted == null || (topic !== undefined && (Array.isArray(wanted) ? wanted.includes(topic) : wanted === topic))
  const balance = (token: string, block: number) => {
    let held = 1_000n
    for (const { address, topics, data, blockNumber } of logs) {
      if (address !== token || blockNumber > block || topics.length > 3) continue
      if (topics[0] === WITHDRAWAL || (topics[0] === TRANSFER && topics[1] === topicOf(SAFE))) held -= BigInt(data)
      if (topics[0] === DEPOSIT || (topics[0] === TRANSFER && topics[2] === topicOf(SAFE))) held += BigInt(data)
    }
    for (const drift of world.drift ?? []) if (drift.token === token && drift.block <= block) held += drift.by
    return held
  }
  const absent = () => Promise.reject(new Error('nobody asks this'))
  return {
    chainId: absent,
    head: absent,
    block: absent,
    receipt: absent,
    simulate: absent,
    async logs({ address, topics = [], fromBlock, toBlock }) {
      return logs.filter(
        log =>
          log.blockNumber >= fromBlock &&
          log.blockNumber <= toBlock &&
          matches(address, log.address) &&
          topics.every((wanted, i) => matches(wanted, log.topics[i])),
      )
    },
    async nativeBalance(_, block) {
      return balance('native', block)
    },
    async read({ to, data }, block) {
      if (world.blindTo?.({ to, data })) throw new Error('missing trie node')
      if (to === SAFE) return word(BigInt(world.guard ?? '0x0'))
      if (to === GUARD) return word((world.allowed ?? []).includes(`0x${data.slice(-40)}`) ? 1 : 0)
      if (to === MANAGER) {
        const positions = world.positions ?? []
        return data.startsWith('0x70a08231')
          ? word(positions.length)
          : word(positions[Number(BigInt(`0x${data.slice(-64)}`))] ?? 0)
      }
      return word(balance(to, block))
    },
    async transactionInput(transactionHash) {
      const { to = STRANGER, input = '0x' } = world.happened[Number(BigInt(transactionHash)) - 1] as Happening
      return input === null ? null : { from: STRANGER, to, input }
    },
    trace: async transactionHash => world.happened[Number(BigInt(transactionHash)) - 1]?.trace ?? null,
  }
}

async function report(world: World, changes: Partial<ReconcileParameters> = {}) {
  const chain = chainOf(world)
  const {
    fromBlock,
    toBlock,
    held: _,
    ...rest
  } = await reconcile({
    ...{ chain, identity, holdings: createHoldings(chain, identity) },
    proposalOf: ({ proposalDigest: digest, nonce }) =>
      digest === proposalDigest(proposal) && nonce === 7n ? proposal : null,
    ...{ outcomes: [], fromBlock: 100, toBlock: 110 },
    ...changes,
  })
  return rest
}
const clean = { matched: 0, owners: 0, modules: 0, deposits: 0, notes: [], unexplained: [], unseen: [] }
const unexplained = (reason: string, block = 101, n = 1) => ({ transactionHash: hash(n), blockNumber: block, reason })
const WHY = "that neither a logged proposal nor the owners' signatures explain"
const honest: Happening = { events: [out(40), back(7, WETH), executed()], to: MODULE, input: inputOf(proposal) }

describe('what changed, and who did it', () => {
  test('nothing', async () => {
    expect(await report({ happened: [] })).toEqual(clean)
  })

  test('a range has its first block behind it and its last one in it', async () => {
    const happened = [100, 101, 110, 111].map(block => ({ block, events: [back(1)] }))
    expect(await report({ happened })).toEqual({ ...clean, deposits: 2 })
    const chain = chainOf({ happened: [] })
    const { fromBlock, toBlock } = await reconcile({
      ...{
        chain,
        identity,
        holdings: createHoldings(chain, identity),
        proposalOf: () => null,
        outcomes: [],
        fromBlock: 3,
        toBlock: 5,
      },
    })
    expect([fromBlock, toBlock]).toEqual([3, 5])
  })

  test('an execution that a logged proposal says', async () => {
    expect(await report({ happened: [honest] })).toEqual({ ...clean, matched: 1 })
  })

  test('the same execution twice: the second is explained by nothing', async () => {
    expect(await report({ happened: [honest, honest] })).toEqual({
      ...clean,
      matched: 1,
      unexplained: [unexplained('the module executed something that no proposal in the log explains', 101, 2)],
    })
  })

  test('an execution under a digest or nonce that the log does not have', async () => {
    for (const event of [executed('99'.repeat(32)), executed(undefined, 8)])
      expect(await report({ happened: [{ ...honest, events: [out(40), event] }] })).toEqual({
        ...clean,
        unexplained: [unexplained('the module executed something that no proposal in the log explains')],
      })
  })

  test('other calls under the digest of an honest proposal', async () => {
    const other = { ...proposal, calls: [{ to: USDC, value: '0', data: '0xa9059cbbff' }] }
    const input = inputOf(other, proposalDigest(proposal))
    const { unexplained: found, matched } = await report({ happened: [{ ...honest, input }] })
    expect(matched).toBe(0)
    expect(found).toEqual([
      unexplained(
        'the module executed other than the logged proposal says: calls.0.data is 0xa9059cbbff, the proposal says 0xa9059cbb',
      ),
    ])
  })

  test('an execution in no encoding that everybody reads alike', async () => {
    const { unexplained: found } = await report({ happened: [{ ...honest, input: `${inputOf(proposal)}00` }] })
    expect(found).toEqual([
      unexplained('the module executed what cannot be read: its call is not in the canonical encoding'),
    ])
  })

  test('an execution whose transaction the node does not have', async () => {
    const { unexplained: found, matched } = await report({ happened: [{ ...honest, input: null }] })
    expect(matched).toBe(0)
    expect(found.map(({ reason }) => reason)).toEqual([
      'something left or was executed, and it cannot be told who did it: the node does not have the transaction',
    ])
  })

  test("the owners' own transaction, also one that failed", async () => {
    const owners = (event: Event, events: Event[]): Happening => ({
      events: [...events, event],
      to: SAFE,
      input: EXEC_TRANSACTION,
    })
    expect(await report({ happened: [owners(ownersActed(), [out(5)])] })).toEqual({ ...clean, owners: 1 })
    expect(await report({ happened: [owners(ownersActed(EXECUTION_FAILURE), [wrapped(WITHDRAWAL, 3)])] })).toEqual({
      ...clean,
      owners: 1,
    })
    expect(await report({ happened: [owners(ownersActed(), [moved(4, SAFE, STRANGER)])], positions: [] })).toEqual({
      ...clean,
      owners: 1,
    })
    // Nothing left: it is no outflow of theirs, and no deposit either.
    expect(await report({ happened: [owners(ownersActed(), [back(5)]), owners(ownersActed(), [])] })).toEqual(clean)
  })

  test('a gift of tokens, and one of native coins', async () => {
    const received: Event = { address: SAFE, topics: [SAFE_RECEIVED, topicOf(STRANGER)], data: word(9) }
    expect(await report({ happened: [{ events: [back(5)] }, { events: [back(6)] }] })).toEqual({
      ...clean,
      deposits: 2,
    })
    expect(
      await report({ happened: [{ events: [received] }], drift: [{ block: 101, token: 'native', by: 9n }] }),
    ).toEqual(clean)
    expect(await report({ happened: [{ events: [wrapped(DEPOSIT, 5)] }] })).toMatchObject({
      deposits: 1,
      unexplained: [],
    })
  })

  test('what a stranger takes, by token and in all', async () => {
    expect(await report({ happened: [{ events: [out(5), out(7), out(3, WETH)] }] })).toEqual({
      ...clean,
      unexplained: [unexplained(`an outflow of 12 USDC ${WHY}`), unexplained(`an outflow of 3 WETH ${WHY}`)],
    })
    expect((await report({ happened: [{ events: [out(1)] }] })).unexplained).toEqual([
      unexplained(`an outflow of 1 USDC ${WHY}`),
    ])
    // What comes back in the same transaction was not lost, and is no deposit.
    expect(await report({ happened: [{ events: [out(5), back(5)] }] })).toEqual(clean)
    expect(await report({ happened: [{ events: [out(5), back(6)] }] })).toEqual(clean)
    expect((await report({ happened: [{ events: [out(6), back(5)] }] })).unexplained).toEqual([
      unexplained(`an outflow of 1 USDC ${WHY}`),
    ])
    // Nothing, in the name of the Safe, is anybody's to send; so is a transfer to itself.
    expect(await report({ happened: [{ events: [out(0)] }] })).toEqual(clean)
    expect((await report({ happened: [{ events: [transfer(USDC, SAFE, SAFE, 5)] }] })).unexplained).toEqual([])
  })

  test('each of many transactions is looked into', async () => {
    const happened = Array.from(
      { length: 19 },
      (_, i): Happening => (i % 2 === 0 ? { events: [back(1)] } : { events: [out(1)] }),
    )
    const found = await report({ happened })
    expect(found.deposits).toBe(10)
    expect(found.unexplained.map(({ transactionHash }) => transactionHash)).toEqual(
      Array.from({ length: 9 }, (_, i) => hash(2 * i + 2)),
    )
  })

  test('a position that goes, and one that comes back', async () => {
    expect((await report({ happened: [{ events: [moved(4, SAFE, STRANGER)] }] })).unexplained).toEqual([
      unexplained(`an outflow of position 4 of ${MANAGER} ${WHY}`),
    ])
    expect(
      await report({ happened: [{ events: [moved(4, SAFE, STRANGER), moved(4, STRANGER, SAFE)] }], positions: [4] }),
    ).toEqual(clean)
    expect(
      (await report({ happened: [{ events: [moved(4, SAFE, STRANGER), moved(5, STRANGER, SAFE)] }], positions: [5] }))
        .unexplained,
    ).toHaveLength(1)
    expect(await report({ happened: [{ events: [moved(5, STRANGER, SAFE)] }], positions: [5] })).toEqual(clean)
    expect(
      (await report({ happened: [{ events: [4, 6, 5].map(id => moved(id, SAFE, STRANGER)) }] })).unexplained,
    ).toEqual([4, 6, 5].map(id => unexplained(`an outflow of position ${id} of ${MANAGER} ${WHY}`)))
  })

  test('what a stranger takes out of a position of the Safe, told once', async () => {
    const { unexplained: found } = await report({
      happened: [{ events: [collected(4), collected(4)] }],
      positions: [4],
    })
    expect(found).toEqual([unexplained('position 4 was touched by no execution of the module or the owners')])
    expect(await report({ happened: [{ events: [collected(5)] }], positions: [4] })).toEqual(clean)
    const both = await report({ happened: [{ events: [collected(4), collected(6)] }], positions: [4, 6] })
    expect(both.unexplained).toEqual(
      [4, 6].map(id => unexplained(`position ${id} was touched by no execution of the module or the owners`)),
    )
  })

  test('a module that the guard allows is its own class; one that it does not is told, with what it took', async () => {
    const by = (events: Event[]): World => ({
      happened: [{ events: [...events, moduleActed(OTHER_MODULE)], to: SAFE, input: FROM_MODULE }],
      guard: GUARD,
    })
    expect(await report({ ...by([out(5)]), allowed: [OTHER_MODULE] })).toEqual({ ...clean, modules: 1 })
    const taken = `module ${OTHER_MODULE}, which no guard allows, executed through the Safe`
    expect((await report(by([out(5), out(2, WETH)]))).unexplained).toEqual([
      unexplained(`${taken}, and took 5 USDC, 2 WETH`),
    ])
    expect((await report(by([back(5)]))).unexplained).toEqual([unexplained(taken)])
    expect((await report({ ...by([out(5)]), guard: '0x0', allowed: [OTHER_MODULE] })).unexplained).toEqual([
      unexplained(`${taken}, and took 5 USDC`),
    ])
    const blind = await report({ ...by([out(5)]), allowed: [OTHER_MODULE], blindTo: ({ to }) => to === SAFE })
    expect([blind.modules, blind.unexplained]).toEqual([
      0,
      [unexplained(`module ${OTHER_MODULE} acted, and whether the guard allowed it cannot be told: missing trie node`)],
    ])
    // What a module received is no deposit of a stranger's.
    expect((await report({ ...by([back(5)]), allowed: [OTHER_MODULE] })).deposits).toBe(0)
  })

  test('two modules in one transaction, of which nothing left', async () => {
    const world: World = {
      happened: [{ events: [moduleActed(OTHER_MODULE), moduleActed(THIRD_MODULE)] }],
      guard: GUARD,
      allowed: [THIRD_MODULE],
    }
    const found = await report(world)
    expect([found.modules, found.unexplained.length]).toEqual([1, 1])
  })

  test('a theft beside the execution of an honest proposal, in one transaction', async () => {
    const { matched, unexplained: found } = await report({ happened: [{ ...honest, to: STRANGER, input: '0x12' }] })
    expect(matched).toBe(0)
    expect(found.map(({ reason }) => reason)).toEqual([
      `something left or was executed, and it cannot be told who did it: the module was called by ${STRANGER}, and the node has no trace of it (debug_traceTransaction or trace_transaction)`,
    ])
  })
})

describe('what the log claims', () => {
  const claim = (changes: object) =>
    [
      { body: { status: 'success', transactionHash: hash(1), blockNumber: 105, ...changes } },
    ] as unknown as RecordOf<'outcome'>[]
  const reasons = async (changes: object, happened: Happening[] = []) =>
    (await report({ happened }, { outcomes: claim(changes) })).unexplained
  test('an execution that the chain does not have', async () => {
    const told = (block: number) => [unexplained('the log claims an execution that the chain does not have', block)]
    expect(await reasons({})).toEqual(told(105))
    expect(await reasons({ blockNumber: 101 })).toEqual(told(101))
    expect(await reasons({ blockNumber: 110 })).toEqual(told(110))
    expect(await reasons({ blockNumber: 100 })).toEqual([])
    expect(await reasons({ blockNumber: 111 })).toEqual([])
    expect(await reasons({ status: 'reverted' })).toEqual([])
    expect(await reasons({}, [honest])).toEqual([])
    expect(await reasons({}, [{ events: [back(1)] }])).toEqual(told(105))
    const outcomes = [...claim({}), ...claim({ transactionHash: hash(2), blockNumber: 106 })]
    expect((await report({ happened: [] }, { outcomes })).unexplained).toEqual([
      ...told(105),
      { ...told(106)[0], transactionHash: hash(2) },
    ])
  })
})

describe('what no event tells', () => {
  test('a fall is told, a gain is a note', async () => {
    const fallen = await report({ happened: [], drift: [{ block: 105, token: USDC, by: -1n }] })
    expect(fallen.unexplained).toEqual([
      {
        transactionHash: null,
        blockNumber: 110,
        reason: 'USDC changed by -1, its events explain 0: 1 fell without a reason',
      },
    ])
    expect(await report({ happened: [], drift: [{ block: 105, token: USDC, by: 4n }] })).toEqual({
      ...clean,
      notes: ['4 of USDC came without an event'],
    })
    const native = await report({ happened: [], drift: [{ block: 105, token: 'native', by: -2n }] })
    expect(native.unexplained.map(({ reason }) => reason)).toEqual([
      '2 wei of native coins left in blocks where neither the owners nor the module executed anything',
    ])
  })
  test('what the node cannot tell is unseen, and nothing else is lost by it', async () => {
    const blind = await report({ happened: [{ events: [out(1)] }], blindTo: ({ to }) => to === USDC })
    expect(blind.unexplained).toHaveLength(1)
    expect(blind.unseen).toEqual([
      { transactionHash: null, blockNumber: 110, reason: 'blocks 100 to 110: the balance of USDC: missing trie node' },
    ])
    const positions = await report({ happened: [{ events: [back(1)] }], blindTo: ({ to }) => to === MANAGER })
    expect([positions.deposits, positions.unseen]).toEqual([
      1,
      [{ transactionHash: null, blockNumber: 110, reason: 'positions: missing trie node' }],
    ])
  })
})
