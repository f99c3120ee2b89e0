import type { AnyRecord } from '#verifier/evidence/record.ts'
import { checkApproval } from './approval.ts'
import { checkClose } from './close.ts'
import { checkDecision } from './decision.ts'
import { checkFill } from './fill.ts'
import { checkIncident } from './incident.ts'
import { checkObservation } from './observation.ts'
import { checkOutcome } from './outcome.ts'
import { checkProposal } from './proposal.ts'
import { checkRequest } from './request.ts'
import { checkResponse } from './response.ts'
import type { RuleContext } from './ruleContext.ts'
import { checkRun } from './run.ts'
import { checkSeal } from './seal.ts'
import { checkSubmission } from './submission.ts'
import { checkVerdict } from './verdict.ts'

/** The rules of a record's kind. */
export function checkBody(record: AnyRecord, context: RuleContext): void | Promise<void> {
  switch (record.kind) {
    case 'run':
      return checkRun(record, context)
    case 'observation':
      return checkObservation(record, context)
    case 'request':
      return checkRequest(record, context)
    case 'response':
      return checkResponse(record, context)
    case 'decision':
      return checkDecision(record, context)
    case 'proposal':
      return checkProposal(record, context)
    case 'approval':
      return checkApproval(record, context)
    case 'verdict':
      return checkVerdict(record, context)
    case 'submission':
      return checkSubmission(record, context)
    case 'outcome':
      return checkOutcome(record, context)
    case 'fill':
      return checkFill(record, context)
    case 'seal':
      return checkSeal(record, context)
    case 'close':
      return checkClose(record, context)
    case 'incident':
      return checkIncident(record, context)
    case 'handover':
      // Between runs: checked where the log's keys are.
      return
    default:
      return record satisfies never
  }
}
