import { createPublicClient, type Hex, http, numberToHex } from 'viem'
import { reasonOf } from '#verifier/evidence/error.ts'

/** One thing that a node was asked for. `ok` false: what depends on it cannot work, and `detail` says what that is. */
export type Probe = { what: string; ok: boolean; detail: string }

const ARBSYS = '0x0000000000000000000000000000000000000064'
const OP_L1_BLOCK = '0x4200000000000000000000000000000000000015'
/** EIP-2935: hashes of the last 8,191 blocks. */
const HISTORY = '0x0000f90827f1c53a10cb7a02335b175320002935'
const [HISTORY_BLOCKS, BLOCKHASH_BLOCKS] = [8_191, 256]
const NOBODY: Hex = `0x${'0'.repeat(36)}dead`

/**
 * What a node can do for the executor, the verifier and the watch, found by asking.
 *
 * @param safe whose events and past balances are asked for
 * @param validitySeconds how long verdicts are valid: so long their reference block must be provable on chain
 */
export async function probeNode(
  rpc: string,
  { safe = NOBODY, validitySeconds = null }: { safe?: Hex; validitySeconds?: number | null } = {},
): Promise<Probe[]> {
  const client = createPublicClient({ transport: http(rpc, { retryCount: 0, timeout: 20_000 }), cacheTime: 0 })
  const ask = (method: string, params: unknown[]) => client.request({ method, params } as never) as Promise<unknown>
  const head = Number(await client.getBlockNumber())
  const answers = (work: Promise<unknown>) =>
    work.then(
      () => null,
      (error: unknown) => reasonOf(error),
    )
  const hasCode = async (address: Hex) => {
    const code = await client.getCode({ address }).catch(() => undefined)
    return code !== undefined && code !== '0x'
  }
  const probes: Probe[] = []

  const [arbitrum, opStack, history] = [await hasCode(ARBSYS), await hasCode(OP_L1_BLOCK), await hasCode(HISTORY)]
  const seconds = await secondsPerBlock()
  const blocks = history && !arbitrum ? HISTORY_BLOCKS : BLOCKHASH_BLOCKS
  const reach = seconds === null ? null : Math.floor(blocks * seconds)
  const kind = arbitrum
    ? "Arbitrum: block.number is the layer below's, blocks are those of ArbSys"
    : opStack
      ? 'an OP-stack chain: its own blocks, gas has a fee for the layer below'
      : 'its own blocks'
  const isShort = reach !== null && validitySeconds !== null && reach < validitySeconds
  probes.push({
    what: 'block source',
    ok: !isShort,
    detail: `${kind}; the last ${blocks} can be proven on chain${reach === null ? '' : `, about ${reach} s`}${history ? ' (EIP-2935)' : ''}${isShort ? `: verdicts are valid for ${validitySeconds} s, and revert once their reference block is older` : ''}`,
  })

  const simulation = { blockStateCalls: [{ calls: [{ from: NOBODY, to: safe, data: '0x' }] }], validation: false }
  const noSimulation = await answers(ask('eth_simulateV1', [simulation, numberToHex(head)]))
  probes.push({
    what: 'eth_simulateV1',
    ok: noSimulation === null,
    detail:
      noSimulation === null
        ? 'calls can be simulated one after the other'
        : `missing (${noSimulation}): a verifier on this node cannot simulate, and denies every proposal`,
  })
  const noPending = await answers(client.call({ to: NOBODY, data: '0x', blockTag: 'pending' }))
  probes.push({
    what: 'eth_call, pending',
    ok: noPending === null,
    detail:
      noPending === null
        ? 'a transaction can be tried before it is sent'
        : `missing (${noPending}): the executor cannot try what it sends, and sends nothing`,
  })

  const depths = [head, 100_000, 10_000, 1_000, 128, 1].filter((depth, i) => i === 0 || depth < head)
  let deepest: number | null = null
  for (const depth of depths) {
    const block = numberToHex(Math.max(0, head - depth))
    if ((await answers(ask('eth_getBalance', [safe, block]))) !== null) continue
    deepest = depth
    break
  }
  const isWhole = deepest === head
  probes.push({
    what: 'state of past blocks',
    ok: isWhole || (deepest ?? 0) >= 128,
    detail: isWhole
      ? 'an archive: back to the first block'
      : `${deepest === null ? 'none' : `of at least ${deepest} blocks`}: what is older cannot be audited, and a watch that was away for longer must name what it did not see; an archive node can`,
  })

  const ranges = [100_000, 10_000, 1_000, 100, 1].filter((range, i, all) => range <= head || i === all.length - 1)
  let widest = 0
  let refused: string | null = null
  for (const range of ranges) {
    const filter = { address: safe, fromBlock: numberToHex(Math.max(0, head - range)), toBlock: numberToHex(head) }
    const reason = await answers(ask('eth_getLogs', [filter]))
    if (reason === null) {
      widest = range
      break
    }
    refused = reason
  }
  probes.push({
    what: 'eth_getLogs',
    ok: widest > 0,
    detail:
      widest === 0
        ? `missing (${refused}): neither watch nor audit can see what left the treasury`
        : `over ${widest} blocks at once${refused === null ? '' : `, not over more (${refused}): longer ranges are asked for in parts`}`,
  })
  const noTrace = await answers(
    ask('debug_traceCall', [{ to: NOBODY, data: '0x' }, 'latest', { tracer: 'callTracer' }]),
  )
  probes.push({
    what: 'traces',
    ok: true,
    detail:
      noTrace === null
        ? 'debug_trace: what happened inside of transactions can be told apart'
        : `none (${noTrace}): what is bundled with an owners' transaction is told apart by its decoded call alone`,
  })
  return probes

  async function secondsPerBlock(): Promise<number | null> {
    const back = Math.min(100, head - 1)
    if (back < 1) return null
    const [now, then] = [head, head - back].map(number => client.getBlock({ blockNumber: BigInt(number) }))
    const elapsed = await Promise.all([now, then]).then(
      ([a, b]) => Number((a?.timestamp ?? 0n) - (b?.timestamp ?? 0n)),
      () => 0,
    )
    return elapsed <= 0 ? null : elapsed / back
  }
}
