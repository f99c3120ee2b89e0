// SES locks this realm down as soon as this is loaded: in a strategy's process, or in its thread of a backtest. There is no
// second realm whose errors or functions could be reached.
import 'ses'
import { prelude } from './prelude.ts'
import type { ChildEntry, DoorFunction } from './serveChild.ts'

declare const lockdown: (options: Record<string, string>) => void
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

/** What SES lends a compartment beyond the language itself: more compartments would have what this one must not. */
const NOT_LENT = ['Compartment', 'ModuleSource', 'lockdown', 'HandledPromise', 'TextEncoder', 'TextDecoder']

/** Evaluates a bundle in a compartment of its own: no authority but what it is handed. */
export function loadBundle(bundle: string): ChildEntry {
  const compartment = new Compartment({ globals: {}, __options__: true })
  for (const name of NOT_LENT) Reflect.deleteProperty(compartment.globalThis, name)
  compartment.evaluate(`(${prelude})()`)
  return (compartment.evaluate(`${bundle};__warrant_strategy`) as { default: ChildEntry }).default
}

export const protect = (door: DoorFunction): DoorFunction => harden(door)
