// SES locks this realm down as soon as this is loaded: in a strategy's process, or in its thread of a backtest. There is no
// second realm whose errors or functions could be reached.
import 'ses'
import { prelude } from './prelude.ts'
import type { ChildEntry } from './serveChild.ts'
import type { Frame } from './strategyFailure.ts'

declare const lockdown: (options: Record<string, string>) => void
declare const getStackString: (error: unknown) => string
declare const harden: <T>(value: T) => T
declare class Compartment {
  constructor(options: { globals: Record<string, unknown>; __options__: true })
  readonly globalThis: object
  evaluate(source: string): unknown
}

lockdown({
  errorTaming: 'safe',
  consoleTaming: 'unsafe',
  overrideTaming: 'severe',
  localeTaming: 'safe',
  domainTaming: 'safe',
  errorTrapping: 'none',
  unhandledRejectionTrapping: 'none',
  reporting: 'none',
})

const SOURCE = 'strategy.bundle'
const FRAME = /\bstrategy\.bundle:(\d+):(\d+)/g

/** What SES lends a compartment beyond the language itself: more compartments would have what this one must not. */
const NOT_LENT = ['Compartment', 'ModuleSource', 'lockdown', 'HandledPromise', 'TextEncoder', 'TextDecoder']

/** Evaluates a bundle in a compartment of its own: no authority but what it is handed. */
export function loadBundle(bundle: string): ChildEntry {
  const compartment = new Compartment({ globals: {}, __options__: true })
  for (const name of NOT_LENT) Reflect.deleteProperty(compartment.globalThis, name)
  compartment.evaluate(`(${prelude})()`)
  return (compartment.evaluate(`${bundle};__warrant_strategy\n//# sourceURL=${SOURCE}`) as { default: ChildEntry })
    .default
}

export const protect = <T extends object>(lent: T): T => harden(lent)

/** Where in the bundle an error came from, innermost first. */
export function framesOf(error: unknown): Frame[] {
  try {
    return [...String(getStackString(error)).matchAll(FRAME)]
      .slice(0, 20)
      .map(([, line, column]) => ({ line: Number(line), column: Number(column) }))
  } catch {
    // It is no error, or one that cannot be read.
    return []
  }
}
