import { expect, test } from 'vitest'
import type { RecordOf } from '#verifier/evidence/record.ts'
import type { AuditedRecords } from './auditedRecords.ts'
import { treasuriesOf } from './auditedTreasuries.ts'

const at = (byte: string) => `0x${byte.repeat(20)}`
const usdc = { symbol: 'USDC', address: at('c1'), decimals: 6 }
const weth = { symbol: 'WETH', address: at('c2'), decimals: 18 }

/** A log of runs, each with its Safe, tokens, chain and first observed block. */
function logOf(...runs: { safe: string; tokens?: object[]; chainId?: number; block?: number; module?: string }[]) {
  const records: AuditedRecords = {
    runs: new Map(),
    outcomes: [],
    submissions: { byHash: new Map(), byLeaf: new Map() },
    proposals: new Map(),
    firstBlocks: new Map(),
  }
  for (const [i, { safe, tokens = [usdc], chainId = 1, block = 100, module = at('b1') }] of runs.entries()) {
    const runId = String(i).repeat(32)
    const body = { chain: { chainId, safe, module, tokens }, policy: { document: {} } }
    records.runs.set(runId, { runId, body } as RecordOf<'run'>)
    records.firstBlocks.set(runId, block)
  }
  return records
}
const asked = { dir: 'log', rpc: 'http://node', chainId: 1, safe: null, policy: null, fromBlock: null }
const names = (records: AuditedRecords, more: Partial<Parameters<typeof treasuriesOf>[1]> = {}) =>
  treasuriesOf(records, { ...asked, ...more }).treasuries.map(({ identity, fromBlock }) => [identity.safe, fromBlock])

test('a decoy run first, of another Safe, hides nothing: every treasury is audited', () => {
  expect(names(logOf({ safe: at('dd') }, { safe: at('a1') }))).toEqual([
    [at('dd'), 100],
    [at('a1'), 100],
  ])
})

test('--safe pins one', () => {
  expect(names(logOf({ safe: at('dd') }, { safe: at('a1') }), { safe: at('a1') })).toEqual([[at('a1'), 100]])
})

test('a decoy run of the same Safe that lists no token, and begins late, hides nothing', () => {
  const records = logOf({ safe: at('a1'), tokens: [weth], block: 900 }, { safe: at('a1'), tokens: [usdc], block: 100 })
  const [treasury, ...more] = treasuriesOf(records, asked).treasuries
  expect(more).toEqual([])
  expect(treasury?.fromBlock).toBe(100)
  expect(treasury?.identity.tokens.map(({ symbol }) => symbol)).toEqual(['WETH', 'USDC'])
})

test('a run of another module of the same Safe is a treasury of its own', () => {
  expect(names(logOf({ safe: at('a1') }, { safe: at('a1'), module: at('b2') }))).toHaveLength(2)
})

test('a run of another chain is a finding, not silence', () => {
  const { treasuries, findings } = treasuriesOf(logOf({ safe: at('dd'), chainId: 5 }, { safe: at('a1') }), asked)
  expect(treasuries).toHaveLength(1)
  expect(findings.map(({ reason }) => reason)).toContain('is of chain 5, http://node is chain 1: it is not audited')
})

test.each<[string, AuditedRecords, object, RegExp]>([
  ['no run of the Safe', logOf({ safe: at('a1') }), { safe: at('ee') }, /no run of safe 0xeeee/],
  ['all of another chain', logOf({ safe: at('a1'), chainId: 5 }), {}, /is chain 1, the log is of chain 5/],
  ['no run with a chain', logOf(), {}, /had no chain: there is nothing to audit/],
])('%s: refused', (_what, records, more, reason) => {
  expect(() => names(records, more)).toThrow(reason)
})
