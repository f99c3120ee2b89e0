import type { EventLog } from '#verifier/evidence/ports/chain.ts'
import type { BalanceChange } from '#verifier/evidence/records/verdict.ts'

/** keccak256("Transfer(address,address,uint256)") */
const TRANSFER = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'

/** Net change of an account's token balances by the Transfer events in logs; tokens without change are left out. */
export function tokenChanges(
  logs: readonly EventLog[],
  account: string,
  tokens: readonly { symbol: string; address: string }[],
): BalanceChange[] {
  const padded = `0x${account.slice(2).padStart(64, '0')}`
  return tokens.flatMap(({ symbol, address }) => {
    let change = 0n
    for (const log of logs) {
      if (log.address !== address || log.topics[0] !== TRANSFER || log.topics.length !== 3) continue
      if (log.topics[1] === padded) change -= BigInt(log.data)
      if (log.topics[2] === padded) change += BigInt(log.data)
    }
    return change === 0n ? [] : [{ asset: symbol, token: address, change: String(change) }]
  })
}
