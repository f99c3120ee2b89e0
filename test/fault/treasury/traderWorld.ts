import { createDemoWorld, type DemoWorld } from '#runtime/demo/demoWorld.ts'
import { scheduleOf } from '#runtime/market/bars.ts'
import { type MarketSource, openSource } from '#runtime/market/openSource.ts'
import { loadStrategy } from '#runtime/run/openRun.ts'
import { writeTrader } from './writeTrader.ts'

export type TraderWorld = {
  world: DemoWorld
  /** The trader's module. */
  entry: string
  marketSource: Extract<MarketSource, { simulated: unknown }>
}

/** A treasury in `dir` whose policy lists the trader, for `decisions` ticks. Its log is closed: whoever runs opens it. */
export async function createTraderWorld(dir: string, seed: string, decisions: number): Promise<TraderWorld> {
  const entry = writeTrader(`${dir}-trader`)
  const strategy = await loadStrategy(entry)
  const { intervalSeconds, window } = strategy.sandboxed.manifest.market
  const marketSource = { simulated: { seed, minutes: ((decisions + window + 2) * intervalSeconds) / 60 } }
  const source = openSource(marketSource)
  const schedule = scheduleOf(source, { intervalSeconds, window, decisions })
  const world = await createDemoWorld({
    ...{ dir, seed, source, marketSource, schedule, strategy },
    ...{ otherStrategies: [], otherWorkers: [] },
  })
  await strategy.sandboxed.close()
  await world.log.close()
  return { world, entry, marketSource }
}
