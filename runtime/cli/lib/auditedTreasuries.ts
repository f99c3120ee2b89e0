import type { TreasuryIdentity } from '#verifier/audit/treasury/events.ts'
import { treasuryOf } from '#verifier/audit/treasury/treasuryOf.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { RecordOf } from '#verifier/evidence/record.ts'
import type { ChainIdentity } from '#verifier/evidence/records/run.ts'
import type { Finding } from '#verifier/log/verifyTree.ts'
import { type Policy, parsePolicy } from '#verifier/policy/policy.ts'
import type { AuditedRecords } from './auditedRecords.ts'

/** A treasury that a log speaks of: one Safe under one module. */
export type AuditedTreasury = {
  identity: TreasuryIdentity
  /** What was held after this block is where the audit begins. */
  fromBlock: number
  /** Outcomes of its runs, each with the policy that its verifier had. */
  outcomes: { record: RecordOf<'outcome'>; policy: Policy }[]
}

export type TreasuriesOfParameters = {
  /** For what is said to people. */
  dir: string
  rpc: string
  chainId: number
  /** Only this Safe. */
  safe: string | null
  /** Says what is audited, whatever the log says. */
  policy: Policy | null
  fromBlock: number | null
}

type Run = RecordOf<'run'> & { body: { chain: ChainIdentity } }

/**
 * The treasuries that a log speaks of, each with everything that any of its runs lists: a run that names less hides nothing.
 *
 * @returns what cannot be audited here as findings
 * @throws BAD_INPUT where there is nothing to audit
 */
export function treasuriesOf(
  records: AuditedRecords,
  { dir, rpc, chainId, safe, policy, fromBlock }: TreasuriesOfParameters,
): { treasuries: AuditedTreasury[]; findings: Finding[] } {
  const findings: Finding[] = []
  if (policy !== null && policy.chainId !== chainId)
    throw new WarrantError('BAD_INPUT', `${rpc} is chain ${chainId}, the policy is for chain ${policy.chainId}`)
  if (policy !== null && safe !== null && policy.safe !== safe)
    throw new WarrantError('BAD_INPUT', `--safe is ${safe}, the policy is for ${policy.safe}`)
  const all = [...records.runs.values()].filter((run): run is Run => run.body.chain !== null)
  const chosen = safe === null ? all : all.filter(({ body }) => body.chain.safe === safe)
  const here = chosen.filter(({ body }) => body.chain.chainId === chainId)
  for (const { runId, body } of chosen)
    if (body.chain.chainId !== chainId)
      findings.push({
        where: `run ${runId}`,
        reason: `is of chain ${body.chain.chainId}, ${rpc} is chain ${chainId}: it is not audited`,
      })
  if (here.length === 0 && chosen.length > 0)
    throw new WarrantError(
      'BAD_INPUT',
      `${rpc} is chain ${chainId}, the log is of chain ${chosen[0]?.body.chain.chainId}`,
    )
  if (here.length === 0 && (policy === null || fromBlock === null))
    throw new WarrantError(
      'BAD_INPUT',
      safe === null
        ? `${dir}: this run had no chain: there is nothing to audit (try warrant replay)`
        : `${dir}: no run of safe ${safe}: name what is audited by --policy, and where it begins by --from`,
    )
  const groups = new Map<string, Run[]>()
  for (const run of here) {
    const { safe: of, module } = run.body.chain
    const key = policy === null ? `${of} ${module}` : policy.safe
    groups.set(key, [...(groups.get(key) ?? []), run])
  }
  if (groups.size === 0 && policy !== null) groups.set(policy.safe, [])
  const treasuries = [...groups.values()].flatMap(runs => {
    const blocks = runs.flatMap(({ runId }) => records.firstBlocks.get(runId) ?? [])
    const from = fromBlock ?? (blocks.length === 0 ? null : Math.min(...blocks))
    const policies = new Map(runs.map(run => [run.runId, policy ?? policyOf(run, findings)]))
    if (from === null) {
      for (const { runId } of runs)
        findings.push({
          where: `run ${runId}`,
          reason: 'observed nothing: where its audit begins is not known (--from)',
        })
      return []
    }
    const outcomes = records.outcomes.flatMap(record => {
      const of = policies.get(record.runId)
      return of == null ? [] : [{ record, policy: of }]
    })
    const identity = policy === null ? identityOf(runs, [...policies.values()]) : treasuryOf(policy)
    return [{ identity, fromBlock: from, outcomes }]
  })
  if (treasuries.length === 0)
    throw new WarrantError('BAD_INPUT', `${dir}: this run had no chain: there is nothing to audit (try warrant replay)`)
  return { treasuries, findings }
}

function policyOf(run: Run, findings: Finding[]): Policy | null {
  try {
    return parsePolicy(run.body.policy.document, `the policy of run ${run.runId}`)
  } catch (error) {
    findings.push({ where: `run ${run.runId} body.policy.document`, reason: reasonOf(error) })
    return null
  }
}

/** Everything that runs and their policies list. */
function identityOf(runs: readonly Run[], policies: readonly (Policy | null)[]): TreasuryIdentity {
  const known = policies.flatMap(policy => (policy === null ? [] : [treasuryOf(policy)]))
  const chains = runs.map(({ body }) => body.chain)
  const tokens = new Map<string, TreasuryIdentity['tokens'][number]>()
  // A policy says more of a token than a run.
  for (const token of [...chains.flatMap(chain => chain.tokens), ...known.flatMap(of => of.tokens)])
    tokens.set(token.address, { ...tokens.get(token.address), ...token })
  return {
    safe: chains[0]?.safe ?? '',
    module: chains[0]?.module ?? '',
    tokens: [...tokens.values()],
    managers: [
      ...new Set([...chains.flatMap(chain => chain.positions ?? []), ...known.flatMap(({ managers }) => managers)]),
    ],
  }
}
