import { z } from 'zod'
import { address, blobRef, count, digest, ed25519Key, json, label, leafHash } from '../primitives.ts'
import { tensorType } from '../tensor.ts'

export const modelIdentity = z.strictObject({
  name: label,
  /** Digest of the model file, domain `model`. */
  digest,
  /** `onnxruntime-node@VERSION/PROVIDER/VECTORS` for floating point, `int-exact-v1` for exact integers, `upstream` for a hosted one. */
  numeric: label,
  /** The file, or null for a hosted model that nobody here can run. */
  file: blobRef.nullable(),
  input: z.strictObject({ name: label, dtype: tensorType, shape: z.array(count) }).nullable(),
  output: z.strictObject({ name: label, dtype: tensorType, shape: z.array(count) }).nullable(),
})
export type ModelIdentity = z.infer<typeof modelIdentity>

export const tokenIdentity = z.strictObject({ symbol: label, address, decimals: count.max(77) })
export type TokenIdentity = z.infer<typeof tokenIdentity>

export const chainIdentity = z.strictObject({
  chainId: count,
  safe: address,
  module: address,
  guard: address.nullable(),
  /** Uniswap v3 addresses; `feePips` in 1e-6. token0/token1 as the pool orders them. */
  pool: z.strictObject({ address, token0: address, token1: address, feePips: count }),
  router: address,
  /** Uniswap v3's NonfungiblePositionManager, where the treasury provides liquidity. */
  positions: address.optional(),
  uniswapV2: z.strictObject({ router: address, pair: address }).optional(),
  tokens: z.array(tokenIdentity).max(32),
})
export type ChainIdentity = z.infer<typeof chainIdentity>

export const runMode = z.enum(['backtest', 'paper', 'devnet', 'live', 'gateway'])
export type RunMode = z.infer<typeof runMode>

/** First record of a run: every identity that the rest refers to. */
export const run = z.strictObject({
  mode: runMode,
  /** The run record before this one in the log; null for the first. */
  previous: leafHash.nullable(),
  software: z.strictObject({ name: label, version: label, digest }),
  seed: label,
  agent: label,
  config: json,
  policy: z.strictObject({ digest, document: json }),
  /** Null for a gateway's own log, which serves agents of others. */
  strategy: z
    .strictObject({
      name: label,
      version: label,
      digest,
      bundle: blobRef,
      params: z.string().max(20_000),
      paramsDigest: digest,
    })
    .nullable(),
  models: z.array(modelIdentity).max(64),
  market: z
    .strictObject({
      source: label,
      digest,
      simulated: z.boolean(),
      pair: z.strictObject({ base: tokenIdentity, quote: tokenIdentity }),
      intervalSeconds: count,
      window: count,
    })
    .nullable(),
  chain: chainIdentity.nullable(),
  keys: z.strictObject({
    log: label,
    agent: ed25519Key,
    workers: z.array(z.strictObject({ id: label, operator: label, publicKey: ed25519Key })).max(256),
    verifiers: z.array(address).max(64),
    executor: address.nullable(),
  }),
})
export type Run = z.infer<typeof run>
