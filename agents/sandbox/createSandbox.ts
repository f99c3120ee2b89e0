import { z } from 'zod'
import { createBatcher } from '#verifier/evidence/batcher.ts'
import { fromUtf8 } from '#verifier/evidence/bytes.ts'
import { canonicalize } from '#verifier/evidence/canonical.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type {
  Decided,
  Doors,
  RecordedAnswers,
  Rederived,
  SandboxedStrategy,
  SandboxPort,
  StrategyManifest,
} from '#verifier/evidence/ports/sandbox.ts'
import { type DecisionResult, decisionResult, type LogLine, logLine } from '#verifier/evidence/records/decision.ts'
import { modelInput } from '#verifier/evidence/records/request.ts'
import { isLlmAgent } from '../llm/definition.ts'
import { type Child, type FromChild, startChild } from './child.ts'
import { DEFAULT_LIMITS, forLlm, type Isolation, type SandboxLimits } from './limits.ts'
import { StrategyFailure } from './strategyFailure.ts'
import type { ChildKind } from './transport.ts'

const manifestSchema = z.strictObject({
  name: z.string().min(1).max(200),
  version: z.string().min(1).max(200),
  market: z.strictObject({
    pair: z.strictObject({ base: z.string().min(1).max(20), quote: z.string().min(1).max(20) }),
    intervalSeconds: z.int().min(60),
    window: z.int().min(1).max(2_048),
  }),
  models: z.array(z.strictObject({ name: z.string().min(1).max(200) })).max(16),
  params: z.unknown(),
})

/** Decisions of one message of a replay. */
const BATCH = 16

const inferDoor = z.strictObject({ model: z.string(), input: modelInput })

/**
 * The sandbox: each loaded strategy runs under SES in a child process without environment, keys or streams. `thread` is
 * for one's own strategy in a backtest, where nothing is at stake but speed: the calling thread is locked down for good
 * and runs it, and whoever started that thread watches it, because nothing within can interrupt an endless loop.
 */
export function createSandbox(limits: SandboxLimits = DEFAULT_LIMITS, isolation: Isolation = 'process'): SandboxPort {
  return {
    load(bundle, params, signal) {
      const kind = isLlmAgent(bundle) ? 'llm' : 'script'
      const own = kind === 'llm' ? forLlm(limits) : limits
      return loadStrategy({ bundle: fromUtf8(bundle), params, limits: own, isolation, kind, signal })
    },
  }
}

type LoadParameters = {
  bundle: string
  params: string
  limits: SandboxLimits
  isolation: Isolation
  kind: ChildKind
  signal: AbortSignal | undefined
}

async function loadStrategy(parameters: LoadParameters): Promise<SandboxedStrategy> {
  const { bundle, params, limits, isolation, kind, signal } = parameters
  let child: Child | null = null
  let closed = false

  async function start(): Promise<StrategyManifest> {
    const started = await startChild({ limits, isolation, kind, signal })
    child = started
    try {
      started.send({ type: 'load', bundle, params })
      const answer = await started.next(limits.loadMs)
      if (answer.type === 'failed')
        throw new WarrantError('STRATEGY_INVALID', `the strategy does not load: ${answer.reason}`)
      if (answer.type !== 'loaded')
        throw new WarrantError('STRATEGY_INVALID', `the strategy answered ${answer.type} while loading`)
      const { params: _, ...manifest } = parse('manifest', manifestSchema, answer.manifest)
      return manifest
    } catch (error) {
      stop()
      throw error
    }
  }

  function stop(): void {
    child?.kill()
    child = null
  }

  /** A child that broke a limit is gone: the next decision gets a fresh one. */
  async function ready(): Promise<Child> {
    if (closed) throw new WarrantError('STRATEGY_FAILED', 'the sandbox is closed')
    if (child === null) await start()
    return child as unknown as Child
  }

  async function decide(doors: Doors): Promise<Decided> {
    const current = await ready()
    let left = limits.decisionMs
    let asked = 0
    current.send({ type: 'decide', view: JSON.stringify(doors.view) })
    try {
      for (;;) {
        const since = performance.now()
        const message = await current.next(left)
        left -= performance.now() - since
        if (left <= 0) throw new WarrantError('SANDBOX_LIMIT', `the decision took longer than ${limits.decisionMs} ms`)
        if (message.type === 'result') {
          if (message.uses.length > limits.doors) throw tooManyDoors(limits)
          return { ...recordable(message.result, message.log), uses: message.uses }
        }
        if (message.type === 'failed')
          throw new StrategyFailure(`the strategy failed: ${message.reason}`, {
            log: linesOf(message.log),
            frames: message.frames,
          })
        if (message.type !== 'door')
          throw new WarrantError('STRATEGY_FAILED', `the strategy sent ${message.type} in a decision`)
        if (++asked > limits.doors) throw tooManyDoors(limits)
        current.send(await answerDoor(doors, message))
      }
    } catch (error) {
      // Its state is unknown now: whatever it was doing, it does no more.
      stop()
      throw error
    }
  }

  /** Decisions of one message. @throws what ended the sandbox */
  async function rederiveAll(recorded: readonly RecordedAnswers[]): Promise<Rederived[]> {
    const current = await ready()
    current.send({ type: 'rederive', recorded: recorded.map(textOf) })
    try {
      const message = await current.next(limits.decisionMs)
      if (message.type !== 'rederived' || message.made.length !== recorded.length)
        throw new WarrantError('STRATEGY_FAILED', `the strategy sent ${message.type} in a replay`)
      return message.made.map(rederived)
    } catch (error) {
      stop()
      throw error
    }
  }

  /** Where one of many ends the sandbox, each alone tells which. */
  async function rederiveEach(recorded: readonly RecordedAnswers[]): Promise<(Rederived | { error: unknown })[]> {
    if (recorded.length > 1) {
      const all = await rederiveAll(recorded).catch(() => null)
      if (all !== null) return all
    }
    const each: (Rederived | { error: unknown })[] = []
    for (const one of recorded) each.push(...(await rederiveAll([one]).catch((error: unknown) => [{ error }])))
    return each
  }

  /** One batch after the other; the next one gathers meanwhile. */
  let last: Promise<unknown> = Promise.resolve()
  const gather = createBatcher({
    most: BATCH,
    defer: setImmediate,
    ask(recorded: readonly RecordedAnswers[]) {
      const batch = last.then(() => rederiveEach(recorded))
      last = batch
      return batch
    },
  })

  const manifest = await start()
  return {
    manifest,
    decide,
    async rederive(recorded) {
      const made = await gather(recorded)
      if ('error' in made) throw made.error
      return made
    },
    async close() {
      closed = true
      stop()
    },
  }
}

function textOf({ view, inferences }: RecordedAnswers) {
  return {
    view: JSON.stringify(view),
    inferences: inferences.map(answer => ('output' in answer ? { output: JSON.stringify(answer.output) } : answer)),
  }
}

/** What goes on record of an answer. @throws STRATEGY_FAILED for what no record can hold */
function recordable(text: string, log: readonly string[]): { result: DecisionResult; log: readonly LogLine[] } {
  const lines = linesOf(log)
  try {
    const result = parse('result', decisionResult, text)
    asCanonical('result', result)
    return { result, log: lines }
  } catch (error) {
    throw new StrategyFailure(reasonOf(error), { log: lines })
  }
}

function asCanonical(what: string, value: unknown): void {
  try {
    canonicalize(value)
  } catch (error) {
    throw new WarrantError('STRATEGY_FAILED', `the strategy's ${what}: ${reasonOf(error)}`)
  }
}

/** Lines as they go on record: one that is none tells so. */
function linesOf(log: readonly string[]): LogLine[] {
  return log.map(text => {
    try {
      const line = parse('log', logLine, text)
      canonicalize(line)
      return line
    } catch (error) {
      return { level: 'warn' as const, message: reasonOf(error).slice(0, 200), fields: {} }
    }
  })
}

function rederived({
  result,
  failure,
  asked,
  log,
}: Extract<FromChild, { type: 'rederived' }>['made'][number]): Rederived {
  return {
    result: result === null ? null : parse('result', decisionResult, result),
    failure,
    log: linesOf(log),
    asked: asked.map(({ door, payload }) =>
      door === 'observe' ? { door } : { door, ...parse('infer', inferDoor, payload) },
    ),
  }
}

function tooManyDoors({ doors }: SandboxLimits): WarrantError {
  return new WarrantError('SANDBOX_LIMIT', `the decision used its doors more than ${doors} times`)
}

async function answerDoor(doors: Doors, { id, door, payload }: Extract<FromChild, { type: 'door' }>) {
  try {
    if (door !== 'infer') throw new WarrantError('STRATEGY_FAILED', `there is no door ${door.slice(0, 40)}`)
    const { model, input } = parse('infer', inferDoor, payload)
    return { type: 'answer', id, ok: true, payload: JSON.stringify(await doors.infer(model, input)) }
  } catch (error) {
    if (error instanceof WarrantError && (error.code === 'LOG_HALTED' || error.code === 'REFUSED')) throw error
    return { type: 'answer', id, ok: false, payload: reasonOf(error) }
  }
}

function parse<T>(what: string, schema: z.ZodType<T>, text: string): T {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new WarrantError('STRATEGY_FAILED', `the strategy's ${what} is not JSON`, { cause })
  }
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new WarrantError(
    'STRATEGY_FAILED',
    `the strategy's ${what}: ${issue?.path.join('.') || '(root)'}: ${issue?.message}`,
  )
}
