import { createPublicClient, type Hex, http } from 'viem'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { Holder } from '#verifier/policy/roles.ts'
import { MODULE_ABI } from './abi.ts'

/** Who a module knows by key: verifiers, approvers and the guardian. @throws CHAIN_FAILED when it does not say */
export async function moduleRoles(rpc: string, address: string): Promise<Holder[]> {
  const client = createPublicClient({ transport: http(rpc, { retryCount: 1, timeout: 20_000 }), cacheTime: 0 })
  const module = { address: address as Hex, abi: MODULE_ABI } as const
  try {
    // What is not deployed yet knows nobody; everything else about it is the doctor's.
    const code = await client.getCode({ address: module.address })
    if (code === undefined || code === '0x') return []
    const [verifiers, approvers, guardian] = await Promise.all([
      client.readContract({ ...module, functionName: 'getVerifiers' }),
      client.readContract({ ...module, functionName: 'getApprovers' }),
      client.readContract({ ...module, functionName: 'guardian' }),
    ])
    return [
      ...verifiers.map(verifier => ({ role: 'verifier' as const, address: verifier, where: "the module's verifiers" })),
      ...approvers.map(approver => ({ role: 'approver' as const, address: approver, where: "the module's approvers" })),
      { role: 'guardian', address: guardian, where: "the module's guardian" },
    ]
  } catch (cause) {
    throw new WarrantError('CHAIN_FAILED', `the module ${address} does not say whom it knows: ${reasonOf(cause)}`, {
      cause,
      retry: 'safe',
    })
  }
}
