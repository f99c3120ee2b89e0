import { decodeFunctionResult, encodeFunctionData, type Hex, parseAbi } from 'viem'
import type { BlockRef, ChainPort } from '#verifier/evidence/ports/chain.ts'

const ABI = parseAbi([
  'function caps(address) view returns (uint96 amount, uint96 level, uint32 window, uint32 updated)',
  'function verifierLimits(address) view returns (uint128 above, uint16 verifiers)',
  'function verifierThreshold() view returns (uint16)',
])

/** What a module's cap still lets out of an asset at a block, in base units (WarrantModule, `_spend`); null where there is none. */
export async function outflowLeft(
  chain: ChainPort,
  { module, asset, head }: { module: string; asset: string; head: BlockRef },
): Promise<bigint | null> {
  const data = encodeFunctionData({ abi: ABI, functionName: 'caps', args: [asset as Hex] })
  const result = (await chain.read({ to: module, data }, head.number)) as Hex
  const [amount, level, window, updated] = decodeFunctionResult({ abi: ABI, functionName: 'caps', data: result })
  if (window === 0) return null
  const leaked = (amount * BigInt(Math.max(0, head.timestamp - updated))) / BigInt(window)
  return leaked >= level ? amount : amount - (level - leaked)
}

/** How many verifiers a module demands for an outflow of an asset at a block (WarrantModule, `_checkVerifierLimits`). */
export async function verifiersDemanded(
  chain: ChainPort,
  { module, asset, outflow, head }: { module: string; asset: string; outflow: bigint; head: BlockRef },
): Promise<number> {
  const read = async (data: Hex) => (await chain.read({ to: module, data }, head.number)) as Hex
  const threshold = decodeFunctionResult({
    ...{ abi: ABI, functionName: 'verifierThreshold' },
    data: await read(encodeFunctionData({ abi: ABI, functionName: 'verifierThreshold' })),
  })
  const [above, verifiers] = decodeFunctionResult({
    ...{ abi: ABI, functionName: 'verifierLimits' },
    data: await read(encodeFunctionData({ abi: ABI, functionName: 'verifierLimits', args: [asset as Hex] })),
  })
  return outflow > above ? Math.max(threshold, verifiers) : threshold
}
