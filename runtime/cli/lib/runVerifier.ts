import { dirname, resolve } from 'node:path'
import { createSandbox } from '#agents/sandbox/createSandbox.ts'
import { loadConfig, placeIn } from '#config/loadConfig.ts'
import { readPolicy } from '#config/readPolicy.ts'
import { verifierConfig } from '#config/verifierConfig.ts'
import { createChainPort } from '#runtime/chain/createChainPort.ts'
import { moduleRoles } from '#runtime/chain/moduleRoles.ts'
import { requireChainFits } from '#runtime/chain/requireChainFits.ts'
import { openSigner } from '#runtime/chain/signer.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { nodeKernels, randomWords } from '#runtime/crypto/nodeKernels.ts'
import { createMarketPort } from '#runtime/market/marketPort.ts'
import { openSource } from '#runtime/market/openSource.ts'
import { createSwapFeed } from '#runtime/market/swapFeed.ts'
import { createSwapMarketPort } from '#runtime/market/swapMarketPort.ts'
import { onnxEngine } from '#runtime/worker/onnxEngine.ts'
import { openAttestations } from '#verifier/attestation/openAttestations.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { requireOwnRoles } from '#verifier/policy/roles.ts'
import { rolesOf } from '#verifier/policy/rolesOf.ts'
import { createVerifier } from '#verifier/service/createVerifier.ts'
import { requireClients } from '#verifier/service/http/clients.ts'
import { openJournal } from '#verifier/service/journal.ts'
import { openVerifierKey } from '#verifier/service/key.ts'
import { serveVerifier } from '#verifier/service/serveVerifier.ts'
import { complain } from './output.ts'
import { serveUntilStopped } from './serve.ts'
import { watchTreasury } from './watchTreasury.ts'

/** Runs a verifier until SIGTERM or SIGINT. Prints one JSON line on stdout once it listens. @throws BAD_CONFIG, PORT_IN_USE, CHAIN_FAILED */
export async function runVerifier(file: string): Promise<void> {
  const config = loadConfig(file, verifierConfig)
  const path = (name: string) => resolve(dirname(file), name)
  requireClients(config.listen.host, config.clients ?? null, `${file}: clients`)
  const policy = readPolicy(path(config.policy), config.policy)
  const key = openVerifierKey(path(config.key))
  const chain = createChainPort(config.rpc)
  const guardianKey = config.watch?.guardianKey
  const guardian = guardianKey === undefined ? null : await openSigner(guardianKey, dirname(file))
  requireOwnRoles([
    ...rolesOf(policy),
    { role: 'verifier', address: key.address, where: `${file}: key` },
    ...(guardian === null
      ? []
      : [{ role: 'guardian' as const, address: guardian.address, where: `${file}: watch.guardianKey` }]),
    ...(await moduleRoles(config.rpc, policy.module)),
  ])
  await requireChainFits(policy, chain, placeIn(path(config.policy), config.policy))
  if (config.watch !== undefined && policy.onUnexplained === 'pause' && guardian === null)
    throw new WarrantError('BAD_CONFIG', `${file}: watch.guardianKey: ${config.policy} says pause, which needs one`)
  const { market } = config
  const ownMarket =
    'swaps' in market
      ? createSwapMarketPort(createSwapFeed(chain, policy.chainId, market.swaps.pool))
      : createMarketPort(openSource('data' in market ? { data: path(market.data) } : market))
  const verifier = createVerifier({
    policy,
    logKey: config.logKey,
    key,
    journal: openJournal(path(config.journal)),
    crypto: nodeCrypto,
    engine: onnxEngine,
    kernels: nodeKernels(),
    attestations: openAttestations(),
    randomWords,
    sandbox: createSandbox(),
    chain,
    market: ownMarket,
    clock: { nowMs: () => Date.now() },
    nowMicros: () => performance.now() * 1_000,
  })
  const app = serveVerifier({
    verifier,
    clients: config.clients ?? null,
    head: () => chain.head(),
    nowMs: () => performance.now(),
  })
  if (config.watch !== undefined) {
    const { everySeconds, webhook } = config.watch
    const watch = watchTreasury({
      verifier,
      policy,
      rpc: config.rpc,
      everySeconds,
      webhook: webhook ?? null,
      guardian,
      say: complain,
    })
    app.addHook('onClose', () => watch.stop())
  }
  await serveUntilStopped(app, config.listen, { address: key.address })
}
