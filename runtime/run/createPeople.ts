import type { ApprovalDesk } from '#runtime/chain/approvalDesk.ts'
import type { People } from '#runtime/chain/createTreasury.ts'
import { grossOutflows } from '#verifier/effects/grossOutflows.ts'
import { moduleLimits, needsApprovers } from '#verifier/effects/moduleLimits.ts'
import { askNode } from '#verifier/effects/reading.ts'
import type { ChainPort } from '#verifier/evidence/ports/chain.ts'
import { proposalDigest } from '#verifier/evidence/proposalDigest.ts'
import type { Proposal } from '#verifier/evidence/records/proposal.ts'
import { showTime } from '#verifier/evidence/text/showTime.ts'
import { approvalSecondsOf } from '#verifier/policy/approvalTime.ts'
import type { Policy } from '#verifier/policy/policy.ts'
import { isPreApproved } from '#verifier/policy/preApproved.ts'

export type CreatePeopleParameters = {
  policy: Policy
  desk: ApprovalDesk
  chain: ChainPort
  /** Chain time that people have; without it all that the policy gives them. */
  waitSeconds: number | null
  /** The price that the agent sees, as a tick of the policy's first pool. */
  priceTick(): number | null
  /** What a proposal moves in dollars; what is unknown counts as more than anything. */
  worthOf(proposal: Proposal): number
  isStopped(): boolean
  /** Told before people are waited for, with the reason why nothing else is decided meanwhile. */
  onAsked(reason: string): void
}

/** The people of a live run: asked where policy or module wants them, at a desk, until their time is over. */
export function createPeople({ policy, desk, chain, ...options }: CreatePeopleParameters): People {
  const { aboveUsd } = policy.approvals

  /** Outflow adds up on chain: what is small may be more than the module lets out without approvers. */
  async function isWantedByModule({ module, calls }: Proposal): Promise<boolean> {
    const { number, timestamp } = await chain.head()
    const limits = await askNode(moduleLimits({ module, atSeconds: timestamp }), call => chain.read(call, number))
    const outflows = grossOutflows(policy, calls, limits)
    return outflows !== null && needsApprovers(limits, outflows) !== null
  }

  return {
    validitySeconds: approvalSecondsOf(policy),
    async isAsked(proposal, { result }) {
      if (aboveUsd === null || isPreApproved(policy, result)) return false
      return options.worthOf(proposal) > aboveUsd || (await isWantedByModule(proposal))
    },
    async ask({ leafHash, body }, { result }, given) {
      const digest = proposalDigest(body)
      options.onAsked(
        `waiting for people on proposal ${digest}, valid until ${showTime(body.validUntil * 1_000, 'UTC')}`,
      )
      const { waitSeconds } = options
      const untilSeconds = waitSeconds === null ? body.validUntil : (await chain.head()).timestamp + waitSeconds
      const reason = result.type === 'intents' ? result.reason : ''
      return desk.gather(
        { leafHash, proposal: body, oracleTick: options.priceTick(), reason },
        { untilSeconds: Math.min(untilSeconds, body.validUntil), given, isStopped: options.isStopped },
      )
    },
  }
}
