import { tool } from '@langchain/core/tools'
import { z } from 'zod'
import type { Context, Hold, Intent } from '#strategies/sdk/index.ts'
import type { Observation } from '#strategies/sdk/observation.ts'

/** What the tools of one decision gathered. */
export type Gathered = { intents: Intent[]; hold: Hold | null }

/** The agent's tools: they read the observation, and gather intents. None of them acts. */
export function createTools(ctx: Context<unknown>, seen: Observation, pair: { base: string; quote: string }) {
  const gathered: Gathered = { intents: [], hold: null }
  const symbol = z.enum([pair.base, pair.quote])
  const tools = [
    tool(
      () => {
        const closes = seen.bars.close
        return JSON.stringify({
          priceOfOneBaseInQuoteUnits: String(seen.quoteOf(10n ** 18n)),
          closesInTicksOldestFirst: closes.slice(-24),
          note: `a lower tick is a dearer ${pair.base}; one tick is 0.01 %`,
          balancesInBaseUnits: {
            [pair.base]: String(seen.balance(pair.base)),
            [pair.quote]: String(seen.balance(pair.quote)),
          },
        })
      },
      {
        name: 'observe',
        description: 'Price, recent closes and treasury balances at this tick.',
        schema: z.object({}),
      },
    ),
    tool(
      ({ sell, buy, amountIn, maxSlippageBps, reason }) => {
        try {
          gathered.intents.push(ctx.intent.swap({ sell, buy, amountIn: BigInt(amountIn), maxSlippageBps, reason }))
          return 'noted: a verifier decides whether it happens'
        } catch (error) {
          return `refused: ${error instanceof Error ? error.message : String(error)}`
        }
      },
      {
        name: 'swap',
        description: 'Ask for a swap. Amounts are in base units of the token sold.',
        schema: z.object({
          sell: symbol,
          buy: symbol,
          amountIn: z.string().regex(/^[1-9][0-9]{0,40}$/),
          maxSlippageBps: z.int().min(1).max(1_000),
          reason: z.string().min(1).max(500),
        }),
      },
    ),
    tool(
      ({ reason }) => {
        gathered.hold = ctx.hold(reason)
        return 'noted'
      },
      { name: 'hold', description: 'Do nothing this time.', schema: z.object({ reason: z.string().min(1).max(500) }) },
    ),
  ]
  return { tools, gathered }
}
