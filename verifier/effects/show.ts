import { showUnits } from '#verifier/evidence/text/money.ts'
import { type Names, showAddress } from '#verifier/evidence/text/showAddress.ts'
import { showText } from '#verifier/evidence/text/showText.ts'
import type { Policy } from '#verifier/policy/policy.ts'
import { NATIVE } from './adapters/adapter.ts'

/** How what a call or an intent says is shown to people: by somebody's names and decimals. */
export type Show = {
  /** An amount of the token at an address, in whole tokens where its decimals are known. */
  amount(token: string, amount: bigint): string
  /** The same by symbol. */
  amountOf(symbol: string, amount: bigint): string
  /** What a balance changes by. */
  change(token: string, change: bigint): string
  address(address: string): string
  names: Names
}

export type ShownToken = { symbol: string; address: string; decimals: number }

/** From here on an allowance is called unlimited: no token has as much. */
const UNLIMITED = 1n << 255n

/** Shows by what a list of tokens says; what it does not name is shown as it is, and said to be so. */
export function createShow(tokens: readonly ShownToken[], names: Names): Show {
  const symbolOf = ({ symbol }: ShownToken) => showText(symbol, 30)
  const byAddress = new Map(tokens.map(token => [token.address, token]))
  const bySymbol = new Map(tokens.map(token => [token.symbol, token]))
  const shown = (token: ShownToken, amount: bigint) =>
    amount >= UNLIMITED
      ? `an unlimited amount of ${symbolOf(token)}`
      : `${showUnits(amount, token.decimals)} ${symbolOf(token)}`
  const native: ShownToken = { symbol: 'native coins', address: NATIVE, decimals: 18 }
  const amount = (address: string, value: bigint) => {
    const token = byAddress.get(address) ?? (address === NATIVE ? native : undefined)
    return token === undefined ? `${value} base units of ${showAddress(address, names)}` : shown(token, value)
  }
  return {
    amount,
    amountOf(symbol, value) {
      const token = symbol === 'native' ? native : bySymbol.get(symbol)
      return token === undefined ? `${value} base units of ${showText(symbol, 30)}` : shown(token, value)
    },
    change: (address, value) => `${value > 0n ? '+' : ''}${amount(address, value)}`,
    address: address => showAddress(address, names),
    names,
  }
}

/** Shows by a policy: its symbols and decimals, and what it calls addresses. Null: nothing is known. */
export function showBy(policy: Policy | null): Show {
  return createShow(policy?.tokens ?? [], policy === null ? new Map() : namesOf(policy))
}

/** What a policy calls the addresses that it lists. */
export function namesOf(policy: Policy): Names {
  const names = new Map<string, string>()
  const name = (address: string | undefined, what: string) => {
    if (address !== undefined && !names.has(address)) names.set(address, what)
  }
  name(policy.safe, 'the Safe')
  name(policy.module, 'the module')
  for (const { address, symbol } of policy.tokens) name(address, symbol)
  for (const { router, pool, positions } of policy.uniswapV3) {
    name(router, "Uniswap v3's router")
    name(pool, 'a Uniswap v3 pool')
    name(positions, "Uniswap v3's position manager")
  }
  for (const { router, pair } of policy.uniswapV2 ?? []) {
    name(router, "Uniswap v2's router")
    name(pair, 'a Uniswap v2 pair')
  }
  for (const { to } of policy.calls ?? []) name(to, 'a target of the policy')
  for (const address of policy.recipients) name(address, 'a recipient of the policy')
  for (const address of policy.approvals.approvers) name(address, 'an approver')
  for (const { address } of policy.identities.executors) name(address, 'an executor')
  return names
}
