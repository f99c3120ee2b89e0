import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { writeDurably } from '#runtime/log/disk.ts'
import { contractOf, contractSigned } from '#verifier/effects/contractSignature.ts'
import { askNode } from '#verifier/effects/reading.ts'
import { approvalHash, recoverApprover } from '#verifier/evidence/approvalTypes.ts'
import { utf8 } from '#verifier/evidence/bytes.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { ChainPort } from '#verifier/evidence/ports/chain.ts'
import type { Appender } from '#verifier/evidence/ports/log.ts'
import { json, leafHash } from '#verifier/evidence/primitives.ts'
import { proposalDigest } from '#verifier/evidence/proposalDigest.ts'
import { type Approval, approval } from '#verifier/evidence/records/approval.ts'
import { proposal } from '#verifier/evidence/records/proposal.ts'
import type { Policy } from '#verifier/policy/policy.ts'

/** What people are asked: a proposal as it stands in the log, what reads it, and why the agent wants it. */
export const approvalRequest = z.strictObject({
  v: z.literal(2, 'is of another version of warrant: ask for a new request'),
  kind: z.literal('warrant-approval-request'),
  leafHash,
  proposal,
  /** The policy that the proposal names: tokens, decimals, names. */
  policy: json,
  /** The agent's price, as a tick of the policy's first pool. */
  oracleTick: z.int().nullable(),
  reason: z.string(),
})
export type ApprovalRequest = z.infer<typeof approvalRequest>

/** Asks people, and waits for their answers. */
export type ApprovalDesk = {
  /** Answers that count, each on record: enough approvals, a rejection, or what came before `untilSeconds` (chain time). */
  gather(request: AskedRequest, untilSeconds: number): Promise<Approval[]>
}

export type AskedRequest = Omit<ApprovalRequest, 'v' | 'kind' | 'policy'>

/**
 * A desk over a directory: the request is a file there, and every answer is one beside it, from `warrant approve`. What
 * is no answer of an approver of the policy is told and left alone.
 */
export function createApprovalDesk({
  dir,
  policy,
  log,
  chain,
  say,
}: {
  dir: string
  policy: Policy
  log: Appender
  chain: Pick<ChainPort, 'head' | 'read'>
  say(line: string): void
}): ApprovalDesk {
  mkdirSync(dir, { recursive: true })
  const { approvers, threshold } = policy.approvals

  async function read(text: string, request: AskedRequest): Promise<Approval> {
    const parsed = approval.safeParse(parsedJson(text))
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
    if (contractOf(data.signature)?.contract === data.signer) {
      const { number } = await chain.head()
      if (
        await askNode(contractSigned(data.signature, approvalHash(request.proposal, data)), call =>
          chain.read(call, number),
        )
      )
        return data
      throw new WarrantError('BAD_INPUT', `${data.signer} does not take this signature (ERC-1271)`)
    }
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
        writeDurably(
          file,
          utf8(`${JSON.stringify({ v: 2, kind: 'warrant-approval-request', policy, ...request }, null, 2)}\n`),
        )
      say(`waits for ${threshold} of ${approvers.length} approvers: warrant approve ${file} --key FILE`)
      const given = new Map<string, Approval>()
      const seen = new Map<string, string>()
      const enough = () =>
        [...given.values()].some(({ answer }) => answer === 'reject') ||
        [...given.values()].filter(({ answer }) => answer === 'approve').length >= threshold
      while (!enough() && (await chain.head()).timestamp < untilSeconds) {
        for (const name of readdirSync(dir)) {
          if (!name.startsWith(`${digest}.0x`) || !name.endsWith('.json')) continue
          // By its contents: a bad answer is told once, and one that takes its place is read.
          const text = textOf(join(dir, name))
          if (text === null || seen.get(name) === text) continue
          seen.set(name, text)
          try {
            const answer = await read(text, request)
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

/** An answer is a few thousand characters: what is larger, or gone meanwhile, is none. */
function textOf(file: string): string | null {
  try {
    return statSync(file).size > 20_000 ? '' : readFileSync(file, 'utf8')
  } catch {
    return null
  }
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new WarrantError('BAD_INPUT', 'is no answer: no JSON of at most 20,000 characters')
  }
}
