import { valueAtRiskUsd } from '#verifier/effects/valueAtRisk.ts'
import { reasonOf } from '#verifier/evidence/error.ts'
import { reasonText } from '#verifier/evidence/reasonText.ts'
import { CHECK_IDS, type CheckResult } from '#verifier/evidence/records/verdict.ts'
import { boundsCheck } from './checks/bounds.ts'
import { calldataCheck } from './checks/calldata.ts'
import { decisionCheck } from './checks/decision.ts'
import { identityCheck } from './checks/identity.ts'
import { logCheck } from './checks/log.ts'
import { observationCheck } from './checks/observation.ts'
import { policyCheck } from './checks/policy.ts'
import { proofsCheck } from './checks/proofs.ts'
import { simulationCheck } from './checks/simulation.ts'
import type { AuditContext, AuditPorts, Check } from './context.ts'

const CHECKS: readonly Check[] = [
  logCheck,
  identityCheck,
  proofsCheck,
  observationCheck,
  decisionCheck,
  calldataCheck,
  simulationCheck,
  policyCheck,
  boundsCheck,
]

/**
 * The nine checks of evidence.md §5. All of them run, whatever the earlier ones say, so that a denial names every
 * reason; one that throws could not be evaluated and denies as well.
 */
export async function preAudit(context: AuditContext, ports: AuditPorts): Promise<CheckResult[]> {
  // A market that does not answer leaves the value at risk unknown, which denies.
  context.oracleTick = await Promise.resolve(ports.market.tickAt(context.head.timestamp)).catch(() => null)
  const { policy, proposal, oracleTick } = context
  context.valueUsd = oracleTick === null ? null : valueAtRiskUsd(policy, proposal.body.calls, oracleTick)
  const results: CheckResult[] = []
  for (const id of CHECK_IDS) {
    const check = CHECKS.find(candidate => candidate.id === id) as Check
    const since = ports.nowMicros()
    const outcome = await check.run(context, ports).catch((error: unknown) => ({
      ok: false,
      detail: `could not be evaluated: ${reasonOf(error)}`,
      assumptions: [],
    }))
    results.push({
      id,
      ok: outcome.ok,
      detail: reasonText(outcome.detail),
      assumptions: (outcome.assumptions ?? []).map(reasonText),
      micros: Math.round(ports.nowMicros() - since),
    })
  }
  return results
}
