import type { EventLog } from '#verifier/evidence/ports/chain.ts'
import type { BalanceChange } from '#verifier/evidence/records/verdict.ts'

/** keccak256("Transfer(address,address,uint256)") */
const TRANSFER = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'

/** keccak256("Deposit(address,uint256)") and keccak256("Withdrawal(address,uint256)") of wrapped native coins. */
export const DEPOSIT = '0xe1fffcc4923d04b559f4d29a8bfc6cda04eb5b0d3c460751c2402c5c5cc9109c'
export const WITHDRAWAL = '0x7fcf532c15f0a6db0bd6d0e038bea71d30d808c7d98cb3bf7268a95bf5081b65'

/** Net change of an account's token balances by the Transfer, Deposit and Withdrawal events in logs; tokens without change are left out. */
export function tokenChanges(
  logs: readonly EventLog[],
  account: string,
  tokens: readonly { symbol: string; address: string }[],
): BalanceChange[] {
  const padded = `0x${account.slice(2).padStart(64, '0')}`
  return tokens.flatMap(({ symbol, address }) => {
    let change = 0n
    for (const log of logs) {
      if (log.address !== address) continue
      if (log.topics[0] === DEPOSIT && log.topics[1] === padded) change += BigInt(log.data)
      if (log.topics[0] === WITHDRAWAL && log.topics[1] === padded) change -= BigInt(log.data)
      if (log.topics[0] !== TRANSFER || log.topics.length !== 3) continue
      if (log.topics[1] === padded) change -= BigInt(log.data)
      if (log.topics[2] === padded) change += BigInt(log.data)
    }
    return change === 0n ? [] : [{ asset: symbol, token: address, change: String(change) }]
  })
}
