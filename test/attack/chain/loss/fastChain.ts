import type { Hex } from 'viem'
import type { Devnet } from '#runtime/chain/devnet/startDevnet.ts'

export type SeenLog = { address: Hex; topics: readonly Hex[]; data: Hex }
export type Sent = { succeeded: boolean; at: number; logs: readonly SeenLog[] }

/** Seconds between blocks. */
const BLOCK = 12
const hex = (value: bigint | number): Hex => `0x${value.toString(16)}`

/** The shared chain, on which anybody can send as anybody, blocks are twelve seconds apart, and every state can be gone back to. */
export type FastChain = {
  /** One transaction in a block of its own. */
  send(from: Hex, to: Hex, data: Hex): Promise<Sent>
  /** Seconds of the latest block. */
  time(): Promise<number>
  wait(seconds: number): Promise<void>
  snapshot(): Promise<string>
  revert(snapshot: string): Promise<void>
}

export async function openFastChain({ client }: Devnet): Promise<FastChain> {
  const rpc = <T>(method: string, params: readonly unknown[]) =>
    client.public.request({ method, params } as never) as Promise<T>
  await rpc('anvil_autoImpersonateAccount', [true])
  const time = async () => Number((await client.public.getBlock()).timestamp)
  return {
    time,
    async send(from, to, data) {
      const at = (await time()) + BLOCK
      await rpc('evm_setNextBlockTimestamp', [hex(at)])
      const { status, logs } = await rpc<{ status: Hex; logs: SeenLog[] }>('eth_sendTransactionSync', [
        { from, to, data, gas: hex(6_000_000) },
      ])
      return { succeeded: status === '0x1', at, logs }
    },
    async wait(seconds) {
      await rpc('evm_setNextBlockTimestamp', [hex((await time()) + seconds)])
      await rpc('evm_mine', [])
    },
    snapshot: () => rpc('evm_snapshot', []),
    async revert(snapshot) {
      if (!(await rpc<boolean>('evm_revert', [snapshot]))) throw new Error(`there is no state ${snapshot}`)
    },
  }
}
