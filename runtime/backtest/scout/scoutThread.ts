// The thread in which a strategy runs ahead of its evidence: it sees, asks and decides; what came of it goes to the host,
// which puts it on record. See openScout.
import { parentPort, workerData } from 'node:worker_threads'
import { createSandbox } from '#agents/sandbox/createSandbox.ts'
import { DEFAULT_LIMITS } from '#agents/sandbox/limits.ts'
import { StrategyFailure } from '#agents/sandbox/strategyFailure.ts'
import { noSuchModel } from '#runtime/gateway/createGateway.ts'
import { inputFault } from '#runtime/gateway/payloadFaults.ts'
import { viewAt } from '#runtime/market/observer.ts'
import { WORKER } from '#runtime/run/openRun.ts'
import { tensorsOnly } from '#runtime/worker/createWorker.ts'
import { onnxEngine } from '#runtime/worker/onnxEngine.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { SandboxedStrategy } from '#verifier/evidence/ports/sandbox.ts'
import { createPaperTreasury } from '../paperTreasury.ts'
import type { FromScout, ScoutData, ScoutFailure, ScoutInference, ScoutStep, ToScout } from './messages.ts'
import { inNative, leaveNative } from './nativeCalls.ts'

/** Steps that the host has not taken yet, at most: bounds the memory between the two. */
const AHEAD = 1_024

const { bundle, params, progress, native } = workerData as ScoutData
const counter = new Int32Array(progress)
leaveNative(native) // The addons are loaded.
const send = (message: FromScout) => parentPort?.postMessage(message)

let untaken = 0
let wake: () => void = () => {}

function failureOf(error: unknown): ScoutFailure {
  const { log, frames } = error instanceof StrategyFailure ? error : { log: [], frames: [] }
  return { code: error instanceof WarrantError ? error.code : 'STRATEGY_FAILED', message: reasonOf(error), log, frames }
}

async function explore(strategy: SandboxedStrategy, task: Extract<ToScout, { type: 'explore' }>): Promise<void> {
  const { schedule, pair, feePips, from, together } = task
  const treasury = createPaperTreasury({ schedule, pair, feePips, balances: task.balances })
  const models = new Map(
    await Promise.all(
      task.models.map(
        async ({ identity, file }) =>
          [identity.name, { identity, loaded: await inNative(native, () => onnxEngine.load(identity, file)) }] as const,
      ),
    ),
  )
  let steps: ScoutStep[] = []
  const flush = () => {
    if (steps.length === 0) return
    untaken += steps.length
    send({ type: 'steps', steps })
    steps = []
  }

  async function decide(tick: number): Promise<ScoutStep> {
    const inferences: ScoutInference[] = []
    const balances = treasury.balances()
    const answer = async (model: string, input: ScoutInference['input']) => {
      const known = models.get(model)
      // In the words of the gateway and the worker, which will be asked the same.
      if (known === undefined) throw noSuchModel(model, [...models.keys()])
      const { identity, loaded } = known
      const unfit = inputFault(identity, input)
      if (unfit !== null) throw new WarrantError('WORKER_FAILED', unfit)
      if (input.type !== 'tensor') throw tensorsOnly(WORKER)
      return { type: 'tensor' as const, tensor: await inNative(native, () => loaded.run(input.tensor)) }
    }
    try {
      const { result, uses, log } = await strategy.decide({
        view: viewAt(schedule, tick, balances),
        async infer(model, input) {
          try {
            const output = await answer(model, input)
            inferences.push({ model, input, output })
            return output
          } catch (error) {
            const failure = failureOf(error)
            inferences.push({ model, input, failure })
            throw new WarrantError('WORKER_FAILED', failure.message)
          }
        },
      })
      return { tick, balances, uses, inferences, log, decided: { result } }
    } catch (error) {
      return { tick, balances, uses: [], inferences, log: [], decided: { failure: failureOf(error) } }
    }
  }

  for (let tick = from; tick < schedule.ticks; tick++) {
    Atomics.add(counter, 0, 1)
    const step = await decide(tick)
    if ('result' in step.decided && step.decided.result.type === 'intents') treasury.fill(tick, step.decided.result)
    steps.push(step)
    if (steps.length >= together) flush()
    while (untaken >= AHEAD)
      await new Promise<void>(resolve => {
        wake = resolve
      })
  }
  flush()
}

async function main(): Promise<void> {
  const strategy = await createSandbox(DEFAULT_LIMITS, 'thread').load(bundle, params)
  send({ type: 'loaded', manifest: strategy.manifest })
  parentPort?.on('message', (message: ToScout) => {
    if (message.type === 'taken') {
      untaken -= message.steps
      wake()
    } else explore(strategy, message).catch(fail)
  })
}
const fail = (error: unknown) => send({ type: 'failed', failure: failureOf(error) })

await main().catch(fail)
