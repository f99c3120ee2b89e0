import { type Hex, type PublicClient, parseAbi, zeroHash } from 'viem'
import type { TreasuryConfig } from '#config/treasuryConfig.ts'
import { MODULE_ABI } from '../abi.ts'

/** A leaking bucket: `amount` base units at once, twice that in any `window` seconds; window 0: there is none. */
export type Bucket = { amount: bigint; level: bigint; window: number; updated: number }
export type ModuleRule = { allowed: boolean; recipientWord: number; amountWord: number; maxValue: bigint }

/** Everything that owners set in a module; addresses in lower case. */
export type ModuleState = {
  policyDigest: Hex
  paused: boolean
  verifiers: string[]
  threshold: number
  guardian: string
  approvers: string[]
  approverThreshold: number
  assets: string[]
  rules: { target: string; selector: Hex; rule: ModuleRule }[]
  payees: string[]
  spenders: { token: string; spender: string; level: number }[]
  limits: { asset: string; cap: Bucket; approval: Bucket; verifier: Bucket; verifiers: number }[]
  /** What the assets say of themselves; anybody may say anything: never without the address. */
  tokens: { address: string; symbol: string; decimals: number }[]
}

const TOKEN_ABI = parseAbi(['function symbol() view returns (string)', 'function decimals() view returns (uint8)'])

const lower = (address: string) => address.toLowerCase()

/** Reads all that a module enforces, as of one block. @throws where the node or the contract does not answer */
export async function readModule(client: PublicClient, address: Hex): Promise<ModuleState> {
  const blockNumber = await client.getBlockNumber()
  const module = { address, abi: MODULE_ABI, blockNumber } as const
  const [policyDigest, paused, verifiers, threshold, guardian, approvers, approverThreshold, assets] =
    await Promise.all([
      client.readContract({ ...module, functionName: 'policyDigest' }),
      client.readContract({ ...module, functionName: 'paused' }),
      client.readContract({ ...module, functionName: 'getVerifiers' }),
      client.readContract({ ...module, functionName: 'verifierThreshold' }),
      client.readContract({ ...module, functionName: 'guardian' }),
      client.readContract({ ...module, functionName: 'getApprovers' }),
      client.readContract({ ...module, functionName: 'approverThreshold' }),
      client.readContract({ ...module, functionName: 'getAssets' }),
    ])
  const [rules, payees, spenders, limits] = await Promise.all([
    client.readContract({ ...module, functionName: 'getRules' }),
    client.readContract({ ...module, functionName: 'getPayees' }),
    client.readContract({ ...module, functionName: 'getSpenders' }),
    client.readContract({ ...module, functionName: 'getLimits' }),
  ])
  return {
    policyDigest,
    paused,
    verifiers: verifiers.map(lower),
    threshold,
    guardian: lower(guardian),
    approvers: approvers.map(lower),
    approverThreshold,
    assets: assets.map(lower),
    rules: rules.map(({ target, selector, rule }) => ({ target: lower(target), selector, rule })),
    payees: payees.map(lower),
    spenders: spenders.map(({ token, spender, level }) => ({ token: lower(token), spender: lower(spender), level })),
    limits: limits.map(limit => ({ ...limit, asset: lower(limit.asset) })),
    tokens: (await Promise.all(assets.map(asset => readToken(client, asset)))).flat(),
  }
}

async function readToken(client: PublicClient, address: Hex): Promise<ModuleState['tokens']> {
  const token = { address, abi: TOKEN_ABI } as const
  try {
    const symbol = await client.readContract({ ...token, functionName: 'symbol' })
    const decimals = await client.readContract({ ...token, functionName: 'decimals' })
    return /^[\w.+-]{1,16}$/.test(symbol) && decimals <= 36 ? [{ address: lower(address), symbol, decimals }] : []
  } catch {
    return []
  }
}

/** What `warrant treasury deploy` leaves: verifiers and guardian, and nothing that may be done. */
export function newModule({ verifiers, threshold, guardian }: TreasuryConfig): ModuleState {
  return {
    ...{ policyDigest: zeroHash, paused: false, verifiers, threshold, guardian, approvers: [], approverThreshold: 0 },
    ...{ assets: [], rules: [], payees: [], spenders: [], limits: [], tokens: [] },
  }
}
