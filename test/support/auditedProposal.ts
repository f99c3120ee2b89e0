import { runTick } from '#agents/cycle/runTick.ts'
import { createChainPort } from '#runtime/chain/createChainPort.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { nodeKernels, randomWords } from '#runtime/crypto/nodeKernels.ts'
import { createDemoWorld, type DemoWorld } from '#runtime/demo/demoWorld.ts'
import { scheduleOf } from '#runtime/market/bars.ts'
import { createMarketPort } from '#runtime/market/marketPort.ts'
import { openSource } from '#runtime/market/openSource.ts'
import { AGENT, type LoadedStrategy, loadStrategy, strategyEntry } from '#runtime/run/openRun.ts'
import { onnxEngine } from '#runtime/worker/onnxEngine.ts'
import { openAttestations } from '#verifier/attestation/openAttestations.ts'
import type { RecordChecker } from '#verifier/audit/recordChecker.ts'
import type { KnownBefore } from '#verifier/gather/gather.ts'
import type { GatherPorts } from '#verifier/gather/ports.ts'
import { type Case, openCase } from '#verifier/judge/case.ts'
import { createFollower } from '#verifier/service/follower.ts'

export type AuditedProposal = {
  world: DemoWorld
  strategy: LoadedStrategy
  subject: Case
  records: RecordChecker
  before: KnownBefore
  ports: GatherPorts
}

/** A real proposal of the trend follower on a real devnet, and all that its audit looks at. */
export async function auditedProposal(dir: string): Promise<AuditedProposal> {
  let proposalLeaf = ''
  const strategy = await loadStrategy(strategyEntry('trend-follower'))
  const marketSource = { simulated: { seed: '1', minutes: 15 * 80 } }
  const source = openSource(marketSource)
  const schedule = scheduleOf(source, { intervalSeconds: 900, window: 64, decisions: 10 })
  const world = await createDemoWorld({
    dir,
    seed: '1',
    source,
    marketSource,
    schedule,
    strategy,
    otherStrategies: [],
    otherWorkers: [],
  })
  const run = await world.run(strategy)
  for (let tick = 0; proposalLeaf === ''; tick++) {
    await world.moveMarketTo(tick)
    await runTick(
      {
        agent: AGENT,
        crypto: nodeCrypto,
        log: run.opened.appenders.agent,
        strategy: strategy.sandboxed,
        identity: { strategy: strategy.bundle.digest, params: strategy.paramsDigest },
        observe: run.observe,
        infer: run.opened.gateway.infer,
        settle: async decision => {
          proposalLeaf = (await run.treasury.propose(decision)).leafHash
        },
        durable: true,
      },
      tick,
    )
  }
  const follower = createFollower({ crypto: nodeCrypto, vkey: world.log.vkey, pinned: null })
  await follower.take({
    note: await world.log.checkpoint(),
    from: 0,
    entries: await world.log.entries(0, world.log.size),
  })
  const { records } = follower
  const chain = createChainPort(world.devnet.url)
  const head = await chain.head()
  const { size } = follower
  const subject = openCase({
    ...{ records, policy: world.policy, logKey: world.log.vkey, size, leaf: proposalLeaf },
    atSeconds: head.timestamp,
  })
  const before: KnownBefore = {
    nowMs: Date.now(),
    head,
    log: { size, fault: null, cosigned: [] },
    journal: { nonceSignedFor: null, maybeSigned: null, highestTreasuryUsd: 0 },
  }
  const ports: GatherPorts = {
    crypto: nodeCrypto,
    engine: onnxEngine,
    kernels: nodeKernels(),
    attestations: openAttestations(),
    randomWords,
    blob: async () => new Uint8Array(0),
    chain,
    market: createMarketPort(source),
    find: records.find,
    modelFile: async () => strategy.models[0]?.file as Uint8Array,
    strategy: async () => strategy.sandboxed,
    nowMicros: () => performance.now() * 1_000,
  }
  return { world, strategy, subject, records, before, ports }
}
