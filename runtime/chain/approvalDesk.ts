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
import type { PeopleAnswer } from './createTreasury.ts'

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

/** Asks people, and waits for their answers, for minutes or for days. */
export type ApprovalDesk = {
  /**
   * Answers that count, each on record. They are enough, or one is a rejection, at `answered`; `late`: `untilSeconds` (chain
   * time) came first; `stopped`: `isStopped` did. A node that does not answer meanwhile is told, and waited for.
   */
  gather(request: AskedRequest, options: GatherOptions): Promise<PeopleAnswer>
}

export type GatherOptions = {
  untilSeconds: number
  /** What stands on record already. */
  given?: readonly Approval[]
  isStopped?(): boolean
}

/** Where the request for a proposal lies, by its digest. */
export const requestFile = (dir: string, digest: string): string => join(dir, `${digest}.json`)

/** How often the folder is looked at, and how often the chain is asked for its time. */
const LOOK_MS = 250
const TIME_MS = 2_000

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

  /** Whether the chain's time is past a second, as far as it could be told within the last moment. */
  function createDeadline(untilSeconds: number): () => Promise<boolean> {
    let [askedMs, isPast, isSilent] = [0, false, false]
    return async () => {
      if (isPast || Date.now() - askedMs < TIME_MS) return isPast
      askedMs = Date.now()
      try {
        isPast = (await chain.head()).timestamp >= untilSeconds
        if (isSilent) say('the node answers again')
        isSilent = false
      } catch (error) {
        if (!isSilent) say(`the node does not answer; people are waited for all the same: ${reasonOf(error)}`)
        isSilent = true
      }
      return isPast
    }
  }

  return {
    async gather(request, { untilSeconds, given: before = [], isStopped = () => false }) {
      const digest = proposalDigest(request.proposal)
      const file = requestFile(dir, digest)
      const text = `${JSON.stringify({ v: 2, kind: 'warrant-approval-request', policy, ...request }, null, 2)}\n`
      const given = new Map(before.map(answer => [answer.signer, answer]))
      const seen = new Map<string, string>()
      const told = new Map<string, string>()
      const isLate = createDeadline(untilSeconds)
      const answers = () => [...given.values()]
      const enough = () =>
        answers().some(({ answer }) => answer === 'reject') ||
        answers().filter(({ answer }) => answer === 'approve').length >= threshold
      say(`waits for ${threshold} of ${approvers.length} approvers: warrant approve ${file} --key FILE`)

      /** Takes answers that are new, or took a bad one's place: by its contents a bad answer is told once. */
      async function look(): Promise<void> {
        mkdirSync(dir, { recursive: true })
        if (!existsSync(file)) writeDurably(file, utf8(text))
        for (const name of readdirSync(dir)) {
          if (!name.startsWith(`${digest}.0x`) || !name.endsWith('.json')) continue
          const found = textOf(join(dir, name))
          if (found === null || seen.get(name) === found) continue
          try {
            const answer = await read(found, request)
            seen.set(name, found)
            if (given.has(answer.signer)) continue
            await log.append('approval', answer, [request.leafHash]).durable
            given.set(answer.signer, answer)
            say(`${answer.signer} says ${answer.answer}`)
          } catch (error) {
            const code = error instanceof WarrantError ? error.code : null
            if (code === 'LOG_HALTED') throw error
            // What the node could not say now it is asked again.
            if (code === 'BAD_INPUT') seen.set(name, found)
            const fault = reasonOf(error)
            if (told.get(name) !== fault) say(`${join(dir, name)}: ${fault}`)
            told.set(name, fault)
          }
        }
      }

      for (;;) {
        if (!enough()) await look()
        if (enough()) return { end: 'answered', answers: answers() }
        if (isStopped()) return { end: 'stopped', answers: answers() }
        if (await isLate()) return { end: 'late', answers: answers() }
        await new Promise(resolve => setTimeout(resolve, LOOK_MS))
      }
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
