import { type Gathered, gatherAnswers, noAnswer } from '#runtime/api/gatherAnswers.ts'
import type { VerifierClient } from '#runtime/api/verifierClient.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { toHex } from '#verifier/evidence/bytes.ts'
import { canonicalize, type Json } from '#verifier/evidence/canonical.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { Appender } from '#verifier/evidence/ports/log.ts'
import type { BlobRef } from '#verifier/evidence/primitives.ts'
import { proposalDigest } from '#verifier/evidence/proposalDigest.ts'
import { reasonText } from '#verifier/evidence/reasonText.ts'
import type { Outcome } from '#verifier/evidence/records/outcome.ts'
import type { Proposal } from '#verifier/evidence/records/proposal.ts'
import type { Verdict } from '#verifier/evidence/records/verdict.ts'
import { toWellFormed } from '#verifier/evidence/toWellFormed.ts'
import { decodeFacts } from '#verifier/judge/facts.ts'

export type LoggedProposal = { leafHash: string; body: Proposal }
export type LoggedVerdict = { leafHash: string; body: Verdict }

export type CreatePanelParameters = {
  verifiers: readonly VerifierClient[]
  /** How many of them it takes. */
  threshold: number
  /** The verifiers' appender: their answers, and what is to be said of them. */
  log: Appender
  /** Keeps the facts that a verdict names. */
  putBlob(bytes: Uint8Array): BlobRef
  /** The block that all verifiers are asked to judge on; without it each takes its own head. */
  refBlock?(): Promise<number>
  /** How long a verifier is waited for, and how long once there are enough answers. */
  deadlineMs?: number
  graceMs?: number
}

/** Those who are asked about proposals. Whoever is silent, or answers what does not hold, is named in the log; the others' answers count. */
export type Panel = {
  /** Hands over what is new. One that is away is asked later. */
  sync(): Promise<void>
  /**
   * Verdicts on a proposal, each on record: `enough` approvals on one block of those that `count` (all, unless given), and
   * what else came meanwhile. @throws LOG_HALTED
   */
  judge(proposal: LoggedProposal, enough: number, count?: ReadonlySet<string>): Promise<LoggedVerdict[]>
  /** What became of a submission, by the first verifier whose word holds. @throws UNREACHABLE, LOG_HALTED */
  outcomeOf(submission: string): Promise<Outcome>
  incident(what: string, reason: string, evidence: Json, parents: string[], caughtBy?: string): void
}

const DEADLINE_MS = 30_000
const GRACE_MS = 5_000
/** Bytes of an answer that did not hold which stand in the incident itself. */
const MOST_QUOTED = 30_000
/** Alarms of one verifier that are recorded at a time. */
const MOST_ALARMS = 16

/** A panel of verifiers. */
export function createPanel(parameters: CreatePanelParameters): Panel {
  const { verifiers, log, deadlineMs = DEADLINE_MS, graceMs = GRACE_MS } = parameters
  const alarms = new Map<string, number>()
  /** Who kept others waiting last time. */
  let slow: ReadonlySet<string> = new Set()

  function incident(what: string, reason: string, evidence: Json, parents: string[], caughtBy = 'verifier'): void {
    log.append('incident', { what, caughtBy, reason: reasonText(reason), evidence }, parents)
  }

  /** Asks all at once; failures and silence are named, where there is something to name them for. */
  async function askAll<T>(
    ask: (verifier: VerifierClient) => Promise<T>,
    isEnough: (answers: readonly T[]) => boolean,
    waitMs = deadlineMs,
  ): Promise<Gathered<T>> {
    const asked = verifiers.map(verifier => ({ name: verifier.url, answer: ask(verifier) }))
    const gathered = await gatherAnswers({ asked, isEnough, slow, graceMs, deadlineMs: waitMs })
    const halted = gathered.failures.find(({ error }) => isHalt(error))
    if (halted !== undefined) throw halted.error
    slow = new Set(gathered.silent)
    return gathered
  }

  /** What a watching verifier found stands in the log as well, once in a run. */
  async function recordAlarms(verifier: VerifierClient): Promise<void> {
    const known = alarms.get(verifier.url) ?? 0
    const found = (await verifier.alarms()).slice(known, known + MOST_ALARMS)
    alarms.set(verifier.url, known + found.length)
    for (const { transactionHash, blockNumber, reason } of found)
      incident(
        'an unexplained change of the treasury',
        reason,
        { transactionHash, blockNumber, verifier: originOf(verifier.url) },
        [],
      )
  }

  /** An answer that does not hold is kept out of the log as what it claims to be, and named with its sender. */
  function refuse(what: string, sender: string, faults: readonly string[], answer: Json, parents: string[]): void {
    const text = canonicalize(toWellFormed(answer))
    const quoted = text.length > MOST_QUOTED ? text.slice(0, MOST_QUOTED) : answer
    incident(what, `${originOf(sender)}: ${faults.join('; ')}`, { verifier: originOf(sender), answer: quoted }, parents)
  }

  async function verdictFaults(
    proposal: LoggedProposal,
    body: Verdict,
    signers: ReadonlySet<string>,
  ): Promise<string[]> {
    if (body.proposal !== proposal.leafHash || body.proposalDigest !== proposalDigest(proposal.body))
      return ['it is about another proposal']
    if (signers.has(body.signer)) return [`${body.signer} has answered already`]
    return log.faultsOf('verdict', body, [proposal.leafHash])
  }

  return {
    incident,
    async sync() {
      await askAll(
        verifier => verifier.sync(),
        given => given.length >= parameters.threshold,
      )
    },
    async judge(proposal, enough, count) {
      const refBlock = await parameters.refBlock?.()
      const since = performance.now()
      const { answers, failures, silent } = await askAll(
        async verifier => {
          await verifier.sync()
          // What it saw of the treasury must not keep it from answering.
          await recordAlarms(verifier).catch(error => {
            if (isHalt(error)) throw error
          })
          return verifier.verdict(proposal.leafHash, refBlock)
        },
        given =>
          mostOnOneBlock(given.map(({ verdict }) => verdict).filter(({ signer }) => count?.has(signer) !== false)) >=
          enough,
      )
      const waited = performance.now() - since
      for (const { name, error } of [...failures, ...silent.map(name => ({ name, error: noAnswer(waited) }))])
        incident('a verifier did not answer', `${originOf(name)}: ${reasonOf(error)}`, { verifier: originOf(name) }, [
          proposal.leafHash,
        ])
      const verdicts: LoggedVerdict[] = []
      const signers = new Set<string>()
      for (const { name, value } of answers) {
        const { verdict: body, facts } = value
        const faults = [...(await verdictFaults(proposal, body, signers)), ...factsFaults(body, facts)]
        if (faults.length > 0) {
          refuse('a verdict does not hold', name, faults, body, [proposal.leafHash])
          continue
        }
        signers.add(body.signer)
        parameters.putBlob(facts)
        const appended = log.append('verdict', body, [proposal.leafHash])
        await appended.durable
        verdicts.push({ body, leafHash: appended.leafHash })
      }
      const denying = verdicts.filter(({ body }) => body.answer === 'deny')
      if (denying.length > 0 && denying.length < verdicts.length) {
        // Both reports stand in the log: whoever reads it can tell who was wrong.
        const reasons = denying.map(({ body }) => `${body.signer}: ${firstFailure(body)}`)
        const leaves = verdicts.map(({ leafHash }) => leafHash)
        incident('verifiers disagree', reasons.join('; '), { verdicts: leaves }, [proposal.leafHash, ...leaves])
      }
      return verdicts
    },
    async outcomeOf(submission) {
      let last: unknown = new WarrantError('UNREACHABLE', 'there is no verifier')
      // Those who were silent last time are asked when nobody else knows.
      const inOrder = [...verifiers].sort((a, b) => Number(slow.has(a.url)) - Number(slow.has(b.url)))
      for (const verifier of inOrder) {
        try {
          await verifier.sync()
          const body = await verifier.outcome(submission)
          const faults =
            body.submission === submission
              ? await log.faultsOf('outcome', body, [submission])
              : ['it is about another submission']
          if (faults.length === 0) return body
          refuse('an outcome does not hold', verifier.url, faults, body, [submission])
          last = new WarrantError('REFUSED', `${originOf(verifier.url)}: ${faults[0]}`)
        } catch (error) {
          if (isHalt(error)) throw error
          last = error
        }
      }
      throw last
    },
  }
}

/** Facts that are not those that a verdict names, or no facts at all. */
function factsFaults({ facts: { sha256, size }, proposal }: Verdict, bytes: Uint8Array): string[] {
  if (bytes.length !== size || toHex(nodeCrypto.sha256(bytes)) !== sha256)
    return ['its facts are not those that it names']
  try {
    return decodeFacts(bytes).proposal === proposal ? [] : ['its facts are about another proposal']
  } catch (error) {
    return [reasonOf(error)]
  }
}

const isHalt = (error: unknown) => error instanceof WarrantError && error.code === 'LOG_HALTED'

/** A URL may hold a secret: no more of it than where it leads is ever recorded. */
const originOf = (url: string) => new URL(url).origin

function firstFailure({ checks }: Verdict): string {
  const failure = checks.find(({ ok }) => ok !== true)
  return failure === undefined ? 'no reason' : `${failure.id}: ${failure.detail}`
}

/** One module call carries one reference block and one deadline: of the approving verdicts, the most that have the same. */
export function onOneBlock<T extends { body: Verdict }>(verdicts: readonly T[]): T[] {
  const groups = new Map<string, T[]>()
  for (const verdict of verdicts) {
    const { answer, refBlockHash, validUntil } = verdict.body
    const id = `${refBlockHash} ${validUntil}`
    if (answer === 'approve') groups.set(id, [...(groups.get(id) ?? []), verdict])
  }
  return [...groups.values()].sort((a, b) => b.length - a.length)[0] ?? []
}

const mostOnOneBlock = (verdicts: readonly Verdict[]) => onOneBlock(verdicts.map(body => ({ body }))).length
