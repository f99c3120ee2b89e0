import { type Hex, toFunctionSelector } from 'viem'

const SIGNATURES = {
  approve: 'approve(address,uint256)',
  transfer: 'transfer(address,uint256)',
  deposit: 'deposit()',
  withdraw: 'withdraw(uint256)',
  mint: 'mint((address,address,uint24,int24,int24,uint256,uint256,uint256,uint256,address,uint256))',
  decreaseLiquidity: 'decreaseLiquidity((uint256,uint128,uint256,uint256,uint256))',
  collect: 'collect((uint256,address,uint128,uint128))',
  swapExactTokens: 'swapExactTokensForTokens(uint256,uint256,address[],address,uint256)',
  exactInputSingle: 'exactInputSingle((address,address,uint24,address,uint256,uint256,uint256,uint160))',
} as const

/** Selectors of what intents become. */
export const SELECTORS = Object.fromEntries(
  Object.entries(SIGNATURES).map(([name, signature]) => [name, toFunctionSelector(signature)]),
) as Record<keyof typeof SIGNATURES, Hex>

const NAMES = new Map(Object.entries(SELECTORS).map(([name, selector]) => [selector as string, name]))

/** A function's name, as far as its selector is one of these; else the selector. */
export function functionName(selector: string): string {
  return NAMES.get(selector) ?? selector
}
