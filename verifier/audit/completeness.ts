import { positionIds } from '#verifier/effects/positions.ts'
import { DEPOSIT, WITHDRAWAL } from '#verifier/effects/tokenChanges.ts'
import type { ChainPort } from '#verifier/evidence/ports/chain.ts'
import type { RecordOf } from '#verifier/evidence/record.ts'
import type { ChainIdentity } from '#verifier/evidence/records/run.ts'

const TRANSFER = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'
/** keccak256("DecreaseLiquidity(uint256,uint128,uint256,uint256)") and keccak256("Collect(uint256,address,uint256,uint256)") of a position manager. */
const DECREASE_LIQUIDITY = '0x26f6a048ee9138f2c0ce266f322cb99228e8d619ae2bff30c67f8dcf9d2377b4'
const COLLECT = '0x40d0efd1a53d60ecbf40971b9daf7dc90178c3aadc7aab1765632738fa8b8f01'
const EXECUTED = '0xb145507a8c914406e782ddef9f4ab6858c6a1409e1ab79f3f8a43dada1782a10'
/** keccak256("ExecutionSuccess(bytes32,uint256)"): the owners' own multisig path of a Safe. */
const EXECUTION_SUCCESS = '0x442e715f626346e8c54381002da614f62bee8d27386535b2521ec8540898556e'
/** keccak256("SafeReceived(address,uint256)"): native coins that came in by a plain transfer. */
const SAFE_RECEIVED = '0x3d0ce9bfc3ed7d6862dbb28b2dea94561fe714a1b4d019aa8af39730d1ad7c3d'

/** A change of the treasury that nothing in the log accounts for. */
export type Unexplained = { transactionHash: string | null; blockNumber: number; reason: string }

export type CompletenessReport = {
  fromBlock: number
  toBlock: number
  /** Executions by the module that exactly one logged proposal explains. */
  matched: number
  /** Changes made by the owners' own multisig transactions. */
  owners: number
  /** Transfers into the Safe from elsewhere. */
  deposits: number
  unexplained: Unexplained[]
}

/** One execution by the module, as its event tells it. */
export type Execution = { transactionHash: string; proposalDigest: string; nonce: bigint }

export type ReconcileParameters = {
  chain: ChainPort
  identity: Pick<ChainIdentity, 'safe' | 'module' | 'tokens'>
  /** Uniswap v3 position managers whose positions count. */
  managers: readonly string[]
  /** What accounts for an execution: a name that counts once, or null. */
  explains(execution: Execution): string | null
  /** Executions that the log claims. */
  outcomes: readonly RecordOf<'outcome'>[]
  fromBlock: number
  toBlock: number
}

/**
 * Explains every balance change of the Safe between two blocks (evidence.md §7, "Completeness"): module executions by
 * exactly one logged proposal, owners' transactions classed as such, deposits; the rest is unexplained. At the end the
 * balances themselves are compared, so that an asset that moves without an event shows too.
 */
export async function reconcile({
  chain,
  identity,
  managers,
  explains,
  outcomes,
  fromBlock,
  toBlock,
}: ReconcileParameters): Promise<CompletenessReport> {
  const report: CompletenessReport = { fromBlock, toBlock, matched: 0, owners: 0, deposits: 0, unexplained: [] }
  const { safe, module, tokens } = identity
  const padded = `0x${safe.slice(2).padStart(64, '0')}`
  const range = { fromBlock: fromBlock + 1, toBlock }
  const [out, incoming, executed, byOwners, received, wrapped, unwrapped] = await Promise.all([
    chain.logs({ topics: [TRANSFER, padded], ...range }),
    chain.logs({ topics: [TRANSFER, null, padded], ...range }),
    chain.logs({ address: module, topics: [EXECUTED, padded], ...range }),
    chain.logs({ address: safe, topics: [EXECUTION_SUCCESS], ...range }),
    chain.logs({ address: safe, topics: [SAFE_RECEIVED], ...range }),
    chain.logs({ topics: [DEPOSIT, padded], ...range }),
    chain.logs({ topics: [WITHDRAWAL, padded], ...range }),
  ])
  // Wrapped native coins come and go without a transfer.
  const isListed = ({ address }: { address: string }) => tokens.some(token => token.address === address)
  out.push(...unwrapped.filter(isListed))
  incoming.push(...wrapped.filter(isListed))
  const ownerTransactions = new Set(byOwners.map(log => log.transactionHash))
  const executions = new Map<string, typeof executed>()
  for (const log of executed) executions.set(log.transactionHash, [...(executions.get(log.transactionHash) ?? []), log])
  const used = new Set<string>()

  for (const [hash, logs] of executions) {
    const [event] = logs
    const by =
      logs.length !== 1 || event === undefined
        ? null
        : explains({
            transactionHash: hash,
            proposalDigest: (event.topics[3] ?? '').slice(2),
            nonce: BigInt(event.topics[2] ?? '0x0'),
          })
    if (by !== null && !used.has(by)) {
      used.add(by)
      report.matched++
    } else {
      report.unexplained.push({
        transactionHash: hash,
        blockNumber: event?.blockNumber ?? 0,
        reason: 'the module executed something that no proposal in the log explains',
      })
    }
  }
  for (const record of outcomes) {
    if (
      record.body.status === 'success' &&
      record.body.blockNumber > fromBlock &&
      record.body.blockNumber <= toBlock &&
      !executions.has(record.body.transactionHash)
    ) {
      report.unexplained.push({
        transactionHash: record.body.transactionHash,
        blockNumber: record.body.blockNumber,
        reason: 'the log claims an execution that the chain does not have',
      })
    }
  }
  const movedBy = new Set(out.map(log => log.transactionHash))
  for (const hash of movedBy) {
    if (executions.has(hash)) continue
    if (ownerTransactions.has(hash)) report.owners++
    else {
      const log = out.find(l => l.transactionHash === hash)
      report.unexplained.push({
        transactionHash: hash,
        blockNumber: log?.blockNumber ?? 0,
        reason: `an outflow of ${log?.address} that neither a logged proposal nor the owners' signatures explain`,
      })
    }
  }
  report.deposits = new Set(
    incoming.map(log => log.transactionHash).filter(hash => !movedBy.has(hash) && !executions.has(hash)),
  ).size

  const balanceOf = `0x70a08231${padded.slice(2)}`
  for (const { address, symbol } of tokens) {
    const before = BigInt(await chain.read({ to: address, data: balanceOf }, fromBlock))
    const after = BigInt(await chain.read({ to: address, data: balanceOf }, toBlock))
    const sum = (logs: typeof out) =>
      logs.filter(log => log.address === address).reduce((total, log) => total + BigInt(log.data), 0n)
    const byEvents = sum(incoming) - sum(out)
    if (after - before !== byEvents)
      report.unexplained.push({
        transactionHash: null,
        blockNumber: toBlock,
        reason: `${symbol} changed by ${after - before}, its events explain ${byEvents}`,
      })
  }
  for (const manager of managers)
    report.unexplained.push(
      ...(await positionsTouched({ chain, safe, fromBlock, toBlock }, manager, hash => {
        return executions.has(hash) || ownerTransactions.has(hash)
      })),
    )
  const lost = await nativeLost({ chain, safe, fromBlock, toBlock }, received, [...byOwners, ...executed])
  if (lost > 0n)
    report.unexplained.push({
      transactionHash: null,
      blockNumber: toBlock,
      reason: `${lost} wei of native coins left in blocks where neither the owners nor the module executed anything`,
    })
  return report
}

/** Liquidity taken out of the Safe's positions, or fees collected, by what is no execution: an operator that somebody set. */
async function positionsTouched(
  { chain, safe, fromBlock, toBlock }: Pick<ReconcileParameters, 'chain' | 'fromBlock' | 'toBlock'> & { safe: string },
  manager: string,
  isExplained: (transactionHash: string) => boolean,
): Promise<Unexplained[]> {
  const held = (block: number) => positionIds(call => chain.read(call, block), manager, safe)
  const found: Unexplained[] = []
  const ids = new Set<bigint>()
  for (const block of [fromBlock, toBlock]) {
    const some = await held(block).catch((error: unknown) => {
      // Anybody can send a Safe positions: so many that they are not followed must not end the rest of the audit.
      if (!(error instanceof RangeError)) throw error
      found.push({ transactionHash: null, blockNumber: block, reason: error.message })
      return []
    })
    for (const id of some) ids.add(id)
  }
  for (const id of ids)
    for (const event of [DECREASE_LIQUIDITY, COLLECT]) {
      const topics = [event, `0x${id.toString(16).padStart(64, '0')}`]
      const logs = await chain.logs({ address: manager, topics, fromBlock: fromBlock + 1, toBlock })
      for (const { transactionHash, blockNumber } of logs)
        if (!isExplained(transactionHash))
          found.push({
            transactionHash,
            blockNumber,
            reason: `position ${id} was touched by no execution of the module or the owners`,
          })
    }
  return found
}

/** Native coins leave without an event: what is missing beside the blocks in which owners or module executed something. */
async function nativeLost(
  { chain, safe, fromBlock, toBlock }: Pick<ReconcileParameters, 'chain' | 'fromBlock' | 'toBlock'> & { safe: string },
  received: readonly { data: string; blockNumber: number }[],
  actions: readonly { blockNumber: number }[],
): Promise<bigint> {
  const balance = (block: number) => chain.nativeBalance(safe, block)
  let change = (await balance(toBlock)) - (await balance(fromBlock))
  const blocks = new Set(actions.map(({ blockNumber }) => blockNumber))
  for (const block of blocks) change -= (await balance(block)) - (await balance(block - 1))
  for (const { data, blockNumber } of received) if (!blocks.has(blockNumber)) change -= BigInt(data)
  return change < 0n ? -change : 0n
}
