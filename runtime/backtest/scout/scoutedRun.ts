import type { SourcePlaces } from '#agents/sandbox/sourcePlaces.ts'
import { located, StrategyFailure } from '#agents/sandbox/strategyFailure.ts'
import { onnxEngine } from '#runtime/worker/onnxEngine.ts'
import { canonicalize } from '#verifier/evidence/canonical.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { EnginePort } from '#verifier/evidence/ports/engine.ts'
import type { SandboxedStrategy } from '#verifier/evidence/ports/sandbox.ts'
import type { ModelInput } from '#verifier/evidence/records/request.ts'
import type { Tensor } from '#verifier/evidence/tensor.ts'
import type { ScoutFailure, ScoutInference, ScoutStep } from './messages.ts'
import type { Scout } from './openScout.ts'

/** A strategy and an engine that give what a scout found, to the same cycle, gateway and worker as live. */
export type ScoutedRun = {
  readonly scout: Scout
  sandboxed: SandboxedStrategy
  engine: EnginePort
  /** Hands in the step of the next tick, before it is decided. */
  take(step: ScoutStep): void
  /** Why the record is not what the scout saw, or null. */
  readonly differs: string | null
}

/** Over a scout that has loaded its strategy. `places`: where its bundle comes from. */
export function scoutedRun(scout: Scout, places: SourcePlaces | null): ScoutedRun {
  const steps = new Map<number, ScoutStep>()
  const answers = new Map<string, ScoutInference[]>()
  let differs: string | null = null

  async function repeat(inference: ScoutInference, infer: (model: string, input: ModelInput) => Promise<ModelInput>) {
    const { model, input } = inference
    const [seen, recorded] = [
      'output' in inference ? canonicalize(inference.output) : inference.failure.message,
      await infer(model, input).then(canonicalize, reasonOf),
    ]
    if (seen !== recorded) differs = `model ${model} answered the strategy ${seen}, and the gateway ${recorded}`
  }

  return {
    scout,
    take(step) {
      steps.set(step.tick, step)
      for (const inference of step.inferences) {
        const key = keyOf(inference.model, inference.input)
        answers.set(key, [...(answers.get(key) ?? []), inference])
      }
    },
    get differs() {
      return differs
    },
    sandboxed: {
      manifest: scout.manifest,
      async decide({ view, infer }) {
        const step = steps.get(view.tick)
        if (step === undefined) throw new WarrantError('STRATEGY_FAILED', `tick ${view.tick} was not decided ahead`)
        steps.delete(view.tick)
        if (canonicalize(step.balances) !== canonicalize(view.balances))
          differs = `at tick ${view.tick} the strategy saw other balances`
        for (const inference of step.inferences) await repeat(inference, infer)
        if ('failure' in step.decided) throw located(errorOf(step.decided.failure), places)
        return { result: step.decided.result, uses: step.uses, log: step.log }
      },
      async rederive() {
        throw new WarrantError('STRATEGY_FAILED', 'a strategy that runs ahead decides once')
      },
      close: () => scout.close(),
    },
    engine: {
      runtime: onnxEngine.runtime,
      supports: onnxEngine.supports,
      load: async ({ name }) => ({
        async run(tensor) {
          const key = keyOf(name, { type: 'tensor', tensor })
          const [answer, ...rest] = answers.get(key) ?? []
          if (rest.length > 0) answers.set(key, rest)
          else answers.delete(key)
          if (answer === undefined) throw new WarrantError('WORKER_FAILED', `model ${name} was not asked this ahead`)
          if ('failure' in answer) throw errorOf(answer.failure)
          return tensorOf(answer.output)
        },
        close: async () => {},
      }),
    },
  }
}

function errorOf({ code, message, log = [], frames = [] }: ScoutFailure): WarrantError {
  return code === 'STRATEGY_FAILED' ? new StrategyFailure(message, { log, frames }) : new WarrantError(code, message)
}

function keyOf(model: string, input: ModelInput): string {
  return input.type === 'tensor'
    ? `${model} ${input.tensor.dtype} ${input.tensor.shape} ${input.tensor.data}`
    : `${model} ${canonicalize(input)}`
}

function tensorOf(output: ModelInput): Tensor {
  if (output.type !== 'tensor') throw new WarrantError('WORKER_FAILED', 'a model of a backtest answers with a tensor')
  return output.tensor
}
