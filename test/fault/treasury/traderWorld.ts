import { createDemoWorld, type DemoWorld } from '#runtime/demo/demoWorld.ts'
import { scheduleOf } from '#runtime/market/bars.ts'
import { type MarketSource, openSource } from '#runtime/market/openSource.ts'
import { type LoadedStrategy, loadStrategy } from '#runtime/run/openRun.ts'
import type { Policy } from '#verifier/policy/policy.ts'
import type { HttpClient } from '#verifier/service/http/clients.ts'
import { writeTrader } from './writeTrader.ts'

export type TraderWorld = {
  world: DemoWorld
  strategy: LoadedStrategy
  /** The trader's module. */
  entry: string
  marketSource: Extract<MarketSource, { simulated: unknown }>
  /** Closes strategy and log, for others to open; the chain and the verifier go on. */
  release(): Promise<void>
}

/** A treasury in `dir` whose policy lists the trader, or the strategy whose `text` is given, for `decisions` ticks. */
export async function createTraderWorld(
  dir: string,
  seed: string,
  decisions: number,
  {
    params,
    text,
    adjustPolicy,
    otherClients,
  }: {
    params?: object
    text?: string
    /** Whom the verifier answers beside the agent; absent: whoever reaches it. */
    otherClients?: readonly HttpClient[]
    adjustPolicy?(policy: Policy, devnet: DemoWorld['devnet']): Policy | Promise<Policy>
  } = {},
): Promise<TraderWorld> {
  const entry = writeTrader(`${dir}-trader`, text)
  const strategy = await loadStrategy(entry, params)
  const { intervalSeconds, window } = strategy.sandboxed.manifest.market
  const marketSource = { simulated: { seed, minutes: ((decisions + window + 2) * intervalSeconds) / 60 } }
  const source = openSource(marketSource)
  const schedule = scheduleOf(source, { intervalSeconds, window, decisions })
  const world = await createDemoWorld({
    ...{ dir, seed, source, marketSource, schedule, strategy },
    ...{
      otherStrategies: [],
      otherWorkers: [],
      ...(otherClients === undefined ? {} : { otherClients }),
      ...(adjustPolicy === undefined ? {} : { adjustPolicy }),
    },
  })
  const release = async () => {
    await strategy.sandboxed.close()
    await world.log.close()
  }
  return { world, strategy, entry, marketSource, release }
}
