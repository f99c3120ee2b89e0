import { decodeFunctionResult, encodeFunctionData, type Hex, parseAbi } from 'viem'
import { type Reading, resultOf, resultsOf } from './reading.ts'

const ABI = parseAbi([
  'struct Bucket { uint96 amount; uint96 level; uint32 window; uint32 updated; }',
  'struct AssetLimits { address asset; Bucket cap; Bucket approval; Bucket verifier; uint16 verifiers; }',
  'struct SpenderEntry { address token; address spender; uint8 level; }',
  'function caps(address) view returns (uint96 amount, uint96 level, uint32 window, uint32 updated)',
  'function getLimits() view returns (AssetLimits[])',
  'function getSpenders() view returns (SpenderEntry[])',
  'function verifierThreshold() view returns (uint16)',
])

/** What a module's cap still lets out of an asset at a block, in base units, whatever is signed; null where there is none. */
export function* outflowLeft({
  module,
  asset,
  atSeconds,
}: {
  module: string
  asset: string
  atSeconds: number
}): Reading<bigint | null> {
  const data = encodeFunctionData({ abi: ABI, functionName: 'caps', args: [asset as Hex] })
  const result = (yield* resultOf({ to: module, data })) as Hex
  const [amount, level, window, updated] = decodeFunctionResult({ abi: ABI, functionName: 'caps', data: result })
  return roomIn({ amount, level, window, updated }, atSeconds)
}

/** What one asset may still lose, in base units; null: without limit. */
export type AssetRoom = {
  /** Without approvers. */
  unapproved: bigint | null
  /** Signed by fewer than `verifiers`. */
  byFew: bigint | null
  verifiers: number
}

/** What a module enforces at a block, as far as amounts go. */
export type ModuleLimits = {
  threshold: number
  /** By listed asset, lower case; the native coin is the zero address. */
  rooms: ReadonlyMap<string, AssetRoom>
  /** Whether an allowance of a token to a spender does not count as outflow. */
  isSpender(token: string, spender: string): boolean
}

/** A module's limits at a block, `atSeconds` its time (WarrantModule, `getLimits`, `getSpenders`). */
export function* moduleLimits({ module, atSeconds }: { module: string; atSeconds: number }): Reading<ModuleLimits> {
  const call = (functionName: 'getLimits' | 'getSpenders' | 'verifierThreshold') => ({
    to: module,
    data: encodeFunctionData({ abi: ABI, functionName }),
  })
  const [first, second, third] = (yield* resultsOf([
    call('getLimits'),
    call('getSpenders'),
    call('verifierThreshold'),
  ])) as [Hex, Hex, Hex]
  const limits = decodeFunctionResult({ abi: ABI, functionName: 'getLimits', data: first })
  const spenders = decodeFunctionResult({ abi: ABI, functionName: 'getSpenders', data: second })
  const threshold = decodeFunctionResult({ abi: ABI, functionName: 'verifierThreshold', data: third })
  const listed = new Set(spenders.map(({ token, spender }) => `${token} ${spender}`.toLowerCase()))
  return {
    threshold,
    rooms: new Map(
      limits.map(({ asset, approval, verifier, verifiers }) => [
        asset.toLowerCase(),
        {
          unapproved: roomIn(approval, atSeconds),
          byFew: roomIn(verifier, atSeconds),
          verifiers,
        },
      ]),
    ),
    isSpender: (token, spender) => listed.has(`${token} ${spender}`.toLowerCase()),
  }
}

type Bucket = { amount: bigint; level: bigint; window: number; updated: number }

/** What still fits into a leaking bucket at a time (Buckets.sol); null where there is no limit. */
export function roomIn({ amount, level, window, updated }: Bucket, atSeconds: number): bigint | null {
  if (window === 0) return null
  const leaked = (amount * BigInt(Math.max(0, atSeconds - updated))) / BigInt(window)
  return leaked >= level ? amount : amount - (level - leaked)
}

/** The first outflow that a module lets go only with its approvers' signatures, or null. */
export function needsApprovers(
  { rooms }: Pick<ModuleLimits, 'rooms'>,
  outflows: ReadonlyMap<string, bigint>,
): { asset: string; outflow: bigint; room: bigint } | null {
  for (const [asset, outflow] of outflows) {
    const room = rooms.get(asset)?.unapproved ?? null
    if (room !== null && outflow > room) return { asset, outflow, room }
  }
  return null
}

/** How many verifiers a module demands for outflows by asset: more than the threshold where one does not fit into its bucket. */
export function verifiersDemanded({ threshold, rooms }: ModuleLimits, outflows: ReadonlyMap<string, bigint>): number {
  let demanded = threshold
  for (const [asset, outflow] of outflows) {
    const room = rooms.get(asset)
    if (room !== undefined && room.byFew !== null && outflow > room.byFew) demanded = Math.max(demanded, room.verifiers)
  }
  return demanded
}
