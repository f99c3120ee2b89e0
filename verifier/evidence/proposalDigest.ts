import { digestJson } from './digest.ts'
import type { Proposal } from './records/proposal.ts'

/** What the agent signs and the verdict commits to: the proposal without its signature. */
export function proposalDigest(proposal: Proposal): string {
  const { signature: _, ...unsigned } = proposal
  return digestJson('proposal', unsigned)
}
