import { createPublicClient, encodeFunctionData, http, type LocalAccount } from 'viem'
import { MODULE_ABI } from '#runtime/chain/abi.ts'
import { waitForReceipt } from '#runtime/chain/waitForReceipt.ts'
import type { Unexplained } from '#verifier/audit/completeness.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { Policy } from '#verifier/policy/policy.ts'
import type { Verifier } from '#verifier/service/createVerifier.ts'

type Hex = `0x${string}`

export type WatchTreasuryParameters = {
  verifier: Pick<Verifier, 'watch' | 'address'>
  policy: Policy
  rpc: string
  everySeconds: number
  webhook: string | null
  guardian: LocalAccount | null
  say(line: string): void
}

/** A running watch; `stop` waits for the round that is on. */
export type TreasuryWatch = { stop(): Promise<void> }

/**
 * Looks at the treasury every so often. What nothing explains, and what could not be seen, raises an alarm: said, posted to
 * the webhook, and, where the policy says `pause`, the module is paused with the guardian's key (not for a node that does not
 * answer). What fails is tried again at the next round.
 */
export function watchTreasury(parameters: WatchTreasuryParameters): TreasuryWatch {
  const { verifier, policy, everySeconds, webhook, guardian, say } = parameters
  let stopped = false
  let timer: NodeJS.Timeout | null = null
  let toPost: Unexplained[] = []
  let toPause = false

  async function round(): Promise<void> {
    const attempt = (what: string, work: () => Promise<void>) =>
      work().catch((error: unknown) => say(`watch: ${what} failed: ${reasonOf(error)}`))
    await attempt('looking at the treasury', async () => {
      for (const change of await verifier.watch()) {
        say(`ALARM: block ${change.blockNumber} ${change.transactionHash ?? ''}: ${change.reason}`)
        if (webhook !== null) toPost.push(change)
        // A node that is away says nothing of the treasury: whoever looks after the verifier must hear of it, no more.
        if (policy.onUnexplained === 'pause' && change.blind !== true) toPause = true
      }
    })
    // Stop first, tell then.
    if (toPause)
      await attempt('pausing the module', async () => {
        await pause()
        toPause = false
      })
    if (webhook !== null && toPost.length > 0)
      await attempt(`posting to ${new URL(webhook).origin}`, async () => {
        await post(webhook)
        toPost = []
      })
  }

  async function pause(): Promise<void> {
    if (guardian === null)
      throw new WarrantError('BAD_CONFIG', 'watch.guardianKey is missing, and the policy says that it must pause')
    const client = createPublicClient({ transport: http(parameters.rpc), cacheTime: 0 })
    const module = { address: policy.module as Hex, abi: MODULE_ABI } as const
    if (await client.readContract({ ...module, functionName: 'paused' })) return say('the module is paused already')
    const { maxFeePerGas, maxPriorityFeePerGas } = await client.estimateFeesPerGas()
    const serializedTransaction = await guardian.signTransaction({
      type: 'eip1559',
      chainId: policy.chainId,
      nonce: await client.getTransactionCount({ address: guardian.address, blockTag: 'pending' }),
      to: policy.module as Hex,
      data: encodeFunctionData({ abi: MODULE_ABI, functionName: 'pause' }),
      gas: 100_000n,
      maxFeePerGas: maxFeePerGas * 3n,
      maxPriorityFeePerGas,
    })
    const receipt = await waitForReceipt(client, await client.sendRawTransaction({ serializedTransaction }))
    if (receipt.status !== 'success') throw new WarrantError('CHAIN_FAILED', `${receipt.transactionHash} reverted`)
    say(`the module is paused (${receipt.transactionHash}): only the owners resume`)
  }

  async function post(url: string): Promise<void> {
    const body = JSON.stringify({
      safe: policy.safe,
      chainId: policy.chainId,
      by: verifier.address,
      unexplained: toPost,
    })
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
      signal: AbortSignal.timeout(10_000),
    })
    if (!response.ok) throw new WarrantError('UNREACHABLE', `it answered ${response.status}`, { retry: 'safe' })
  }

  let running: Promise<void> = Promise.resolve()
  const next = () => {
    if (stopped) return
    timer = setTimeout(() => {
      running = round().then(next)
    }, everySeconds * 1_000)
  }
  running = round().then(next)
  return {
    async stop() {
      stopped = true
      if (timer !== null) clearTimeout(timer)
      await running
    },
  }
}
