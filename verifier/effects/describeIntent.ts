import type { Intent } from '#verifier/evidence/records/decision.ts'
import { showText } from '#verifier/evidence/text/showText.ts'
import type { Show } from './show.ts'

/** What a strategy wants, in words. */
export function describeIntent(intent: Intent, show: Show): string {
  const amount = (symbol: string, value: string) => show.amountOf(symbol, BigInt(value))
  switch (intent.type) {
    case 'swap':
    case 'swapV2':
      return `swap ${amount(intent.sell, intent.amountIn)} for at least ${amount(intent.buy, intent.minBuy)}`
    case 'transfer':
      return `pay ${amount(intent.token, intent.amount)} to ${show.address(intent.to)}`
    case 'wrap':
      return `wrap ${amount('native', intent.amount)} into ${showText(intent.token, 30)}`
    case 'unwrap':
      return `unwrap ${amount(intent.token, intent.amount)} into native coins`
    case 'addLiquidity':
      return `provide at most ${amount(intent.token0, intent.amount0)} and ${amount(intent.token1, intent.amount1)} between ticks ${intent.tickLower} and ${intent.tickUpper}, of them at least ${amount(intent.token0, intent.min0)} and ${amount(intent.token1, intent.min1)}`
    case 'removeLiquidity':
      return `take liquidity ${intent.liquidity} out of position ${intent.position}, for at least ${amount(intent.token0, intent.min0)} and ${amount(intent.token1, intent.min1)}`
    case 'collectFees':
      return `collect the fees of position ${intent.position}`
    case 'call':
      return `call ${showText(intent.function, 120)} of ${show.address(intent.to)} with (${intent.args.map(arg => showText(arg, 100)).join(', ')}), spending at most ${list(intent.spends, amount)}, getting at least ${list(intent.gets, amount)}`
  }
}

const list = (
  amounts: readonly { token: string; amount: string }[],
  shown: (symbol: string, value: string) => string,
): string => amounts.map(({ token, amount }) => shown(token, amount)).join(' and ') || 'nothing'
