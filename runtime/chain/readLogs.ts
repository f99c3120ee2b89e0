import type { EventLog } from '#verifier/evidence/ports/chain.ts'

/** A log as JSON-RPC gives it: numbers in hexadecimal. */
export type RawLog = EventLog & { transactionHash: string; blockNumber: string; logIndex: string }

/** What one request asks for: inclusive blocks. */
export type LogRange = { fromBlock: number; toBlock: number }

/** Asks a node for the logs of a range; throws where it refuses. */
export type RequestLogs = (range: LogRange) => Promise<RawLog[]>

/** A node that cuts its answers off silently does so at a round number: such an answer is asked for again in halves. */
const ROUND = 1_000

/**
 * Logs of a range from a node that may limit how many blocks or results it answers: halved until it answers. What it
 * answered last time is where the next range begins, so that a limit is found once.
 *
 * @throws whatever the node says of a single block, or where `isGone` knows the failure as one that no smaller range cures
 * @example createLogReader(isGone)({ fromBlock: 1, toBlock: 2_000_000 }, range => request(range))
 */
export function createLogReader(isGone: (error: unknown) => boolean) {
  let most = Number.MAX_SAFE_INTEGER

  return async function readLogs({ fromBlock, toBlock }: LogRange, request: RequestLogs): Promise<RawLog[]> {
    const found: RawLog[] = []
    for (let from = fromBlock; from <= toBlock; ) {
      const to = Math.min(toBlock, from + most - 1)
      const blocks = to - from + 1
      try {
        const logs = await request({ fromBlock: from, toBlock: to })
        if (blocks > 1 && logs.length >= ROUND && logs.length % ROUND === 0) {
          most = Math.floor(blocks / 2)
          continue
        }
        for (const log of logs) found.push(log)
        from = to + 1
        // A limit on results says nothing about the blocks that follow.
        if (most < Number.MAX_SAFE_INTEGER && logs.length < ROUND / 4) most *= 2
      } catch (error) {
        if (blocks <= 1 || isGone(error)) throw error
        most = Math.floor(blocks / 2)
      }
    }
    return found
  }
}
