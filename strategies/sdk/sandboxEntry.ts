import type { DecisionResult } from '#verifier/evidence/records/decision.ts'
import { createContext } from './context.ts'
import type { Strategy } from './defineStrategy.ts'
import type { Hold, Intent } from './intent.ts'

/** The one function that crosses the wall outwards: a door's name and JSON in, JSON out. */
export type DoorFunction = (door: string, payload: string) => Promise<string>

/** Takes a line of `ctx.log`, as JSON. */
export type LogFunction = (line: string) => void

/** What a bundle evaluates to. Only strings cross the wall. */
export type SandboxEntry = {
  /** The manifest as JSON. @throws when the parameters (JSON) break the strategy's schema */
  start(params: string): string
  /** One decision: its DecisionResult as JSON. */
  decide(door: DoorFunction, log: LogFunction): Promise<string>
}

/** Wraps a strategy for the sandbox; the bundler generates the module that calls this. */
export function sandboxEntry(strategy: Strategy): SandboxEntry {
  if (strategy?.kind !== 'warrant-strategy') throw new TypeError('the module must export default defineStrategy({...})')
  for (const field of ['name', 'version', 'params', 'market', 'decide'] as const) {
    const hint = field === 'params' ? ': give z.strictObject({}) where there are none' : ''
    if (strategy[field] === undefined) throw new TypeError(`defineStrategy: ${field} is missing${hint}`)
  }
  let params: unknown
  return {
    start(text) {
      params = parametersOf(strategy, text)
      const { name, version, market, models = [] } = strategy
      return JSON.stringify({ name, version, market, models, params })
    },
    async decide(door, log) {
      const context = createContext({
        params,
        pair: strategy.market.pair,
        models: strategy.models ?? [],
        doors: {
          observe: async () => JSON.parse(await door('observe', '{}')),
          async infer(model, input) {
            try {
              return JSON.parse(await door('infer', JSON.stringify({ model, input })))
            } catch (error) {
              // Made here, so that its stack leads to whoever asked.
              throw new Error(error instanceof Error ? error.message : String(error))
            }
          },
          log: line => log(JSON.stringify(line)),
        },
      })
      return JSON.stringify(resultOf(await strategy.decide(context)))
    },
  }
}

/** @throws TypeError naming the first parameter that is wrong, on one line */
function parametersOf(strategy: Strategy, text: string): unknown {
  const parsed = strategy.params.safeParse(JSON.parse(text))
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const path = issue?.path.join('.') ?? ''
  throw new TypeError(`params${path === '' ? '' : `.${path}`}: ${issue?.message ?? 'refused'}`)
}

/** The recorded form of what `decide` returned. @throws TypeError when it is no hold and no intent */
export function resultOf(answer: Intent | readonly Intent[] | Hold): DecisionResult {
  if (!Array.isArray(answer) && (answer as Hold)?.kind === 'hold')
    return { type: 'hold', reason: (answer as Hold).reason }
  const intents = (Array.isArray(answer) ? answer : [answer]) as Intent[]
  if (intents.length === 0 || intents.some(item => item?.kind !== 'intent')) {
    throw new TypeError('decide must return ctx.hold(reason), an intent, or a list of intents')
  }
  return {
    type: 'intents',
    intents: intents.map(item => item.intent),
    reason: intents.map(item => item.reason).join('; '),
  }
}
