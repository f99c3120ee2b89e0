import { StrategyFailure } from '#agents/sandbox/strategyFailure.ts'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import { payloadDigest } from '#verifier/evidence/payloadDigest.ts'
import type { Appended, Appender } from '#verifier/evidence/ports/log.ts'
import type { SandboxedStrategy } from '#verifier/evidence/ports/sandbox.ts'
import { reasonText } from '#verifier/evidence/reasonText.ts'
import { MOST_PARENTS } from '#verifier/evidence/record.ts'
import type { DecisionResult, DoorUse, LogLine } from '#verifier/evidence/records/decision.ts'
import type { Observation } from '#verifier/evidence/records/observation.ts'
import type { ModelInput } from '#verifier/evidence/records/request.ts'
import type { Response } from '#verifier/evidence/records/response.ts'

/** What an agent's loop needs of the outside. */
export type CyclePorts = {
  agent: string
  crypto: CryptoPort
  log: Appender
  strategy: SandboxedStrategy
  /** Digests of the strategy's bundle and parameters. */
  identity: { strategy: string; params: string }
  /** Makes and logs the observation of a tick. */
  observe(tick: number): Promise<Appended & { observation: Observation }>
  /** Asks a model through the gateway; every request ends on record. */
  infer(request: {
    agent: string
    tick: number
    observation: string
    model: string
    input: ModelInput
  }): Promise<{ response: string; result: Response['result'] }>
  /** What becomes of intents: a treasury's proposal, or a fill on paper. */
  settle(decision: Appended, tick: number): Promise<void>
  /** Why nothing may be decided at this tick, in words: it is missed, and nothing is looked at. Null: it may. */
  blocked?(): string | null
  /** Whether to wait for the disk before acting (everywhere but in a backtest, which has no effects). */
  durable: boolean
  /** Tells people what the strategy logged. */
  onLog?(tick: number, lines: readonly LogLine[]): void
}

/**
 * One scheduled tick, from observation to settlement. It ends as exactly one decision record: intents, hold or missed.
 * A strategy that fails or breaks a limit misses its tick; a log that halts stops the agent. `before`: earlier ticks that
 * are still being recorded; decisions stand in the log in order.
 *
 * @throws LOG_HALTED
 */
export async function runTick(
  ports: CyclePorts,
  tick: number,
  before: Promise<unknown> = Promise.resolve(),
): Promise<{ result: DecisionResult; decision: Appended }> {
  const { agent, crypto, log, strategy, identity } = ports
  const doors: DoorUse[] = []
  let observed: Awaited<ReturnType<CyclePorts['observe']>> | null = null
  let result: DecisionResult
  let lines: readonly LogLine[] = []
  try {
    const blocked = ports.blocked?.() ?? null
    if (blocked !== null) throw new WarrantError('REFUSED', blocked)
    observed = await ports.observe(tick)
    const { leafHash, observation } = observed
    const inferences: (DoorUse | null)[] = []
    const questions = new Map<string, ReturnType<CyclePorts['infer']>>()
    const decided = await strategy.decide({
      view: observation.view,
      async infer(model, input) {
        const place = inferences.push(null) - 1
        const asked = payloadDigest(input, crypto)
        const question = `${model} ${asked}`
        // What was answered is not asked again: a second answer to choose from would be a re-roll.
        let asking = questions.get(question)
        if (asking === undefined) {
          asking = ports.infer({ agent, tick, observation: leafHash, model, input })
          questions.set(question, asking)
        }
        const { response, result: answer } = await asking
        inferences[place] = { door: input.type === 'chat' ? 'chat' : 'infer', asked, answer: response }
        // Answers come in any order; they are cited in the order of the questions.
        doors.splice(0, doors.length, ...inferences.filter(use => use !== null))
        if (answer.status === 'ok') return answer.output
        questions.delete(question)
        throw new WarrantError('WORKER_FAILED', answer.reason)
      },
    })
    // The sandbox tells in which order the doors were used; the host knows what each inference was.
    const answered = inferences.filter(use => use !== null)
    doors.splice(
      0,
      doors.length,
      ...decided.uses.map(use =>
        use === 'observe' ? { door: use, asked: leafHash, answer: leafHash } : nextOf(answered),
      ),
    )
    if (answered.length > 0) throw new WarrantError('STRATEGY_FAILED', 'the sandbox lost count of its doors')
    result = decided.result
    lines = decided.log
  } catch (error) {
    if (error instanceof WarrantError && error.code === 'LOG_HALTED') throw error
    result = { type: 'missed', reason: reasonText(reasonOf(error)) }
    if (error instanceof StrategyFailure) lines = error.log
  }
  await before
  const observation = observed?.leafHash ?? null
  const decision = log.append(
    'decision',
    {
      agent,
      tick,
      observation,
      strategy: identity.strategy,
      params: identity.params,
      doors,
      result,
      ...(lines.length > 0 && { log: [...lines] }),
    },
    [
      ...(observation === null ? [] : [observation]),
      ...new Set(doors.map(use => use.answer).filter(answer => answer !== observation)),
    ].slice(0, MOST_PARENTS),
  )
  if (ports.durable) await decision.durable
  if (result.type === 'intents') await ports.settle(decision, tick)
  if (lines.length > 0) ports.onLog?.(tick, lines)
  return { result, decision }
}

/** @throws STRATEGY_FAILED where the sandbox tells of more inferences than there were */
function nextOf(inferences: DoorUse[]): DoorUse {
  const use = inferences.shift()
  if (use === undefined) throw new WarrantError('STRATEGY_FAILED', 'the sandbox lost count of its doors')
  return use
}
