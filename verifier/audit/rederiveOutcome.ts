import { canonicalize } from '#verifier/evidence/canonical.ts'
import { reasonOf } from '#verifier/evidence/error.ts'
import type { ChainPort } from '#verifier/evidence/ports/chain.ts'
import type { RecordOf } from '#verifier/evidence/record.ts'
import type { Policy } from '#verifier/policy/policy.ts'
import { balancesExplained, gasWords, minedOutcome } from './postAudit.ts'

/** Fields that the transaction's receipt alone settles. */
const FIELDS = ['status', 'blockNumber', 'blockHash', 'gasUsed', 'gasCostWei', 'changes'] as const

/** What an outcome says that the chain does not, and what the node could not tell. */
export type Rederived = { differences: string[]; unseen: string[] }

/**
 * Derives an outcome anew, field by field, check by check. Of the costs only the gas: the oracle's price stands on the
 * verifier's word.
 *
 * @throws CHAIN_FAILED where the node does not give the transaction's receipt
 * @example (await rederiveOutcome(deps, outcome)).differences // ['status is "reverted", the chain says "success"']
 */
export async function rederiveOutcome(
  {
    chain,
    policy,
    submission,
    proposal,
  }: { chain: ChainPort; policy: Policy; submission: RecordOf<'submission'>; proposal: RecordOf<'proposal'> },
  { body }: RecordOf<'outcome'>,
): Promise<Rederived> {
  const mined = await minedOutcome({ chain, policy, submission, proposal })
  if (mined === null) return { differences: ['the chain does not have its transaction'], unseen: [] }
  const differences: string[] = []
  const unseen: string[] = []
  const compare = (what: string, said: unknown, derived: unknown) => {
    const [a, b] = [canonicalize(said), canonicalize(derived)]
    if (a !== b) differences.push(`${what} is ${a}, the chain says ${b}`)
  }
  for (const field of FIELDS) compare(field, body[field], mined[field])
  const derived = [...mined.checks]
  const explained = await balancesExplained({
    chain,
    policy,
    receipt: mined.receipt,
    changes: mined.changes,
    proposal,
  }).catch((error: unknown) => {
    unseen.push(`whether the balances of block ${mined.blockNumber} agree: ${reasonOf(error)}`)
    return body.checks.find(({ id }) => id === 'explained')
  })
  if (explained !== undefined) derived.push(explained)
  const [said, costs] = [body.checks.filter(({ id }) => id !== 'costs'), body.checks.filter(({ id }) => id === 'costs')]
  compare('checks', said, derived)
  const gas = gasWords(mined.receipt)
  if (costs.length !== 1 || costs[0]?.ok !== true || !costs[0].detail.endsWith(gas))
    differences.push(`the costs do not say ${gas}`)
  return { differences, unseen }
}
