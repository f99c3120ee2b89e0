import type { ChainIdentity, ModelIdentity } from '#verifier/evidence/records/run.ts'
import type { Policy } from '#verifier/policy/policy.ts'

export type DemoPolicyParameters = {
  chain: ChainIdentity
  logKey: string
  agentKey: string
  executor: string
  strategies: readonly { digest: string; params: string }[]
  models: readonly ModelIdentity[]
  workers: readonly { publicKey: string; operator: string }[]
}

/** The policy that the demo's owners set: what a small treasury might choose for one trading agent. */
export function demoPolicy({
  chain,
  logKey,
  agentKey,
  executor,
  strategies,
  models,
  workers,
}: DemoPolicyParameters): Policy {
  const { pool, router } = chain
  return {
    version: 1,
    name: 'demo treasury',
    chainId: chain.chainId,
    safe: chain.safe,
    module: chain.module,
    tokens: chain.tokens.map(token => ({
      ...token,
      usd: token.address === pool.token0 ? ('one' as const) : ('oracle' as const),
    })),
    uniswapV3: [{ router, pool: pool.address, token0: pool.token0, token1: pool.token1, feePips: pool.feePips }],
    recipients: [],
    limits: {
      perTradeUsd: 40_000,
      rollingUsd: 400_000,
      rollingSeconds: 86_400,
      tradesPerHour: 6,
      cooldownSeconds: 60,
      maxSlippageBps: 100,
      maxDrawdownBps: 3_000,
      maxConsecutiveFailures: 5,
      maxValiditySeconds: 900,
    },
    observation: { maxAgeSeconds: 300, toleranceTicks: 0 },
    proofs: [
      { upToUsd: 100, anyOf: [['signed']] },
      { upToUsd: null, anyOf: [['freivalds'], ['replay']] },
    ],
    approvals: { aboveUsd: null, approvers: [], threshold: 0 },
    identities: {
      log: [{ vkey: logKey }],
      agents: [{ publicKey: agentKey }],
      strategies: strategies.map(strategy => ({ ...strategy })),
      models: models.map(({ digest, numeric }) => ({ digest, numeric })),
      workers: workers.map(worker => ({ ...worker })),
      executors: [{ address: executor }],
    },
  }
}
