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
import type { AuditContext, AuditPorts } from '#verifier/audit/context.ts'
import { proposalDigest } from '#verifier/evidence/proposalDigest.ts'
import { policyDigest } from '#verifier/policy/policy.ts'
import { createFollower } from '#verifier/service/follower.ts'

export type AuditedProposal = {
  world: DemoWorld
  strategy: LoadedStrategy
  context: AuditContext
  ports: AuditPorts
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
  const proposal = records.find(proposalLeaf, 'proposal')
  const decision = records.find(proposal?.body.decision ?? '', 'decision')
  const runState = records.runs.get(proposal?.runId ?? '')
  if (proposal === null || decision === null || runState === undefined) throw new Error('the world has no proposal')
  const chain = createChainPort(world.devnet.url)
  const context: AuditContext = {
    policy: world.policy,
    policyDigest: policyDigest(world.policy),
    logKey: world.log.vkey,
    checkpointSize: follower.size,
    cosigned: [],
    logFindings: follower.findings,
    records,
    runState,
    proposal,
    proposalDigest: proposalDigest(proposal.body),
    decision,
    siblings: [],
    firstWithNonce: proposalDigest(proposal.body),
    maybeSigned: null,
    observation: records.find(decision.body.observation ?? '', 'observation'),
    calls: decision.body.doors.flatMap(use => {
      const response = records.find(use.answer, 'response')
      const request = response === null ? null : records.find(response.body.request, 'request')
      return response === null || request === null ? [] : [{ request, requestLeaf: response.body.request, response }]
    }),
    approvals: [],
    head: await chain.head(),
    oracleTick: null,
    valueUsd: null,
    simulation: null,
  }
  const ports: AuditPorts = {
    crypto: nodeCrypto,
    engine: onnxEngine,
    kernels: nodeKernels(),
    attestations: openAttestations(),
    randomWords,
    blob: async () => new Uint8Array(0),
    chain,
    market: createMarketPort(source),
    ledger: { entries: () => [], highestTreasuryUsd: () => 0 },
    modelFile: async () => strategy.models[0]?.file as Uint8Array,
    strategy: async () => strategy.sandboxed,
    nowMs: () => Date.now(),
    nowMicros: () => performance.now() * 1_000,
  }
  return { world, strategy, context, ports }
}
