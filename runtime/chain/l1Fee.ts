import { type Hex, type PublicClient, parseAbi } from 'viem'

/** OP-stack's GasPriceOracle: what a transaction pays for its bytes on the layer below. */
const ORACLE = '0x420000000000000000000000000000000000000f'
const ABI = parseAbi(['function getL1Fee(bytes data) view returns (uint256)'])

/** Wei that a transaction with this calldata pays beside its gas: 0 but on an OP-stack chain. @throws where the oracle does */
export async function l1FeeWei(client: Pick<PublicClient, 'getCode' | 'readContract'>, data: Hex): Promise<bigint> {
  const code = await client.getCode({ address: ORACLE })
  if (code === undefined || code === '0x') return 0n
  return client.readContract({ address: ORACLE, abi: ABI, functionName: 'getL1Fee', args: [data] })
}

/** What a mined transaction cost, in wei, its fee for the layer below included. */
export function gasCostWei(receipt: { gasUsed: bigint; effectiveGasPrice: bigint }): bigint {
  const { l1Fee } = receipt as { l1Fee?: unknown }
  const extra = typeof l1Fee === 'bigint' || typeof l1Fee === 'string' ? BigInt(l1Fee) : 0n
  return receipt.gasUsed * receipt.effectiveGasPrice + extra
}
