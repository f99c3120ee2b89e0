import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { writeDurably } from '#runtime/log/disk.ts'
import { recoverApprover } from '#verifier/evidence/approvalTypes.ts'
import { utf8 } from '#verifier/evidence/bytes.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { Appender } from '#verifier/evidence/ports/log.ts'
import { leafHash } from '#verifier/evidence/primitives.ts'
import { proposalDigest } from '#verifier/evidence/proposalDigest.ts'
import { type Approval, approval } from '#verifier/evidence/records/approval.ts'
import { proposal } from '#verifier/evidence/records/proposal.ts'
import type { Policy } from '#verifier/policy/policy.ts'

/** What people are asked: a proposal as it stands in the log, and why the agent wants it. */
export const approvalRequest = z.strictObject({
  v: z.literal(1),
  kind: z.literal('warrant-approval-request'),
  leafHash,
  proposal,
  valueUsd: z.int().min(0),
  reason: z.string(),
})
export type ApprovalRequest = z.infer<typeof approvalRequest>

/** Asks people, and waits for their answers. */
export type ApprovalDesk = {
  /** Answers that count, each on record: enough approvals, a rejection, or what came before `untilSeconds` (chain time). */
  gather(request: Omit<ApprovalRequest, 'v' | 'kind'>, untilSeconds: number): Promise<Approval[]>
}

/**
 * A desk over a directory: the request is a file there, and every answer is one beside it, from `warrant approve`. What
 * is no answer of an approver of the policy is told and left alone.
 */
export function createApprovalDesk({
  dir,
  policy,
  log,
  chainTimeSeconds,
  say,
}: {
  dir: string
  policy: Policy
  log: Appender
  chainTimeSeconds(): Promise<number>
  say(line: string): void
}): ApprovalDesk {
  mkdirSync(dir, { recursive: true })
  const { approvers, threshold } = policy.approvals

  async function read(file: string, request: Omit<ApprovalRequest, 'v' | 'kind'>): Promise<Approval> {
    const parsed = approval.safeParse(JSON.parse(readFileSync(join(dir, file), 'utf8')))
    if (!parsed.success)
      throw new WarrantError(
        'BAD_INPUT',
        `${parsed.error.issues[0]?.path.join('.')}: ${parsed.error.issues[0]?.message}`,
      )
    const { data } = parsed
    if (data.proposal !== request.leafHash || data.proposalDigest !== proposalDigest(request.proposal))
      throw new WarrantError('BAD_INPUT', 'is an answer to another proposal')
    if (!approvers.includes(data.signer))
      throw new WarrantError('BAD_INPUT', `${data.signer} is no approver of the policy`)
    const signer = await recoverApprover(request.proposal, data)
    if (signer !== data.signer) throw new WarrantError('BAD_INPUT', `is signed by ${signer}, it says ${data.signer}`)
    const [fault] = await log.faultsOf('approval', data, [request.leafHash])
    if (fault !== undefined) throw new WarrantError('BAD_INPUT', `does not hold: ${fault}`)
    return data
  }

  return {
    async gather(request, untilSeconds) {
      const digest = proposalDigest(request.proposal)
      const file = join(dir, `${digest}.json`)
      if (!existsSync(file))
        writeDurably(file, utf8(`${JSON.stringify({ v: 1, kind: 'warrant-approval-request', ...request }, null, 2)}\n`))
      say(`waits for ${threshold} of ${approvers.length} approvers: warrant approve ${file} --key FILE`)
      const given = new Map<string, Approval>()
      const seen = new Set<string>()
      const enough = () =>
        [...given.values()].some(({ answer }) => answer === 'reject') ||
        [...given.values()].filter(({ answer }) => answer === 'approve').length >= threshold
      while (!enough() && (await chainTimeSeconds()) < untilSeconds) {
        for (const name of readdirSync(dir)) {
          if (!name.startsWith(`${digest}.0x`) || !name.endsWith('.json') || seen.has(name)) continue
          seen.add(name)
          try {
            const answer = await read(name, request)
            if (given.has(answer.signer)) continue
            await log.append('approval', answer, [request.leafHash]).durable
            given.set(answer.signer, answer)
            say(`${answer.signer} says ${answer.answer}`)
          } catch (error) {
            if (error instanceof WarrantError && error.code === 'LOG_HALTED') throw error
            say(`${join(dir, name)}: ${reasonOf(error)}`)
          }
        }
        if (!enough()) await new Promise(resolve => setTimeout(resolve, 250))
      }
      return [...given.values()]
    },
  }
}
