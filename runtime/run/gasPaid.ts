import type { GasPayment } from '#runtime/chain/gasBudget.ts'
import type { Log } from '#runtime/log/openLog.ts'
import { decodeRecord } from '#verifier/evidence/record.ts'

const STEP = 4_096

/** What the executions in a log cost since `sinceMs`, by their outcomes. Read it once open submissions have theirs. */
export async function gasPaid(log: Pick<Log, 'size' | 'entries'>, sinceMs: number): Promise<GasPayment[]> {
  const paid: GasPayment[] = []
  // From the end: a log is long, a day of it short. Times in it ascend but for clocks set back by less than an hour.
  for (let to = log.size; to > 0; to = Math.max(0, to - STEP)) {
    const records = (await log.entries(Math.max(0, to - STEP), to)).map(decodeRecord)
    for (const record of records)
      if (record.kind === 'outcome' && record.atMs > sinceMs)
        paid.push({ atMs: record.atMs, wei: BigInt(record.body.gasCostWei) })
    if (records.every(({ atMs }) => atMs < sinceMs - 3_600_000)) break
  }
  return paid
}
