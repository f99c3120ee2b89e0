import { expect, test } from 'vitest'
import { encodeRecord, type RecordOf } from '#verifier/evidence/record.ts'
import { gasPaid } from './gasPaid.ts'

const DAY = 86_400_000
const hex = (byte: string, bytes = 32) => byte.repeat(bytes)
const outcome = (atMs: number, gasCostWei: string, seq: number): RecordOf<'outcome'> => ({
  ...{ v: 3, kind: 'outcome', runId: hex('ab', 16), seq, atMs, parents: [] },
  body: {
    ...{ submission: hex('aa'), proposal: hex('bb'), transactionHash: `0x${hex('cc')}`, status: 'reverted' },
    ...{ blockNumber: 1, blockHash: `0x${hex('dd')}`, gasUsed: '1', gasCostWei, changes: [], checks: [] },
    ...{ signer: `0x${hex('11', 20)}`, signature: `0x${hex('22', 65)}` },
  },
})

test("a day's gas is read from the log's outcomes, reverted ones too, however long the log is", async () => {
  const now = 20 * DAY
  const records = [
    ...new Array<Uint8Array>(9_000).fill(encodeRecord(outcome(now - 3 * DAY, '1000', 0))),
    encodeRecord(outcome(now - DAY - 1, '100', 1)),
    encodeRecord(outcome(now - DAY + 1, '7', 2)),
    encodeRecord(outcome(now - 5, '5', 3)),
  ]
  let read = 0
  const log = {
    size: records.length,
    async entries(from: number, to: number) {
      read += to - from
      return records.slice(from, to)
    },
  }
  const paid = await gasPaid(log, now - DAY)
  expect(paid.map(({ wei }) => wei).sort()).toEqual([5n, 7n])
  expect(read).toBeLessThan(records.length)
})
