// SES locks this realm down as soon as this is loaded.
import 'ses'
import type { ChildEntry, DoorFunction } from './serveChild.ts'

declare const lockdown: (options: Record<string, string>) => void
declare const harden: <T>(value: T) => T
declare class Compartment {
  constructor(options: { globals: Record<string, unknown>; __options__: true })
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

/** Math without what engines may round differently; the SDK has deterministic versions. */
function exactMath(): Record<string, unknown> {
  const exact = ['abs', 'ceil', 'clz32', 'floor', 'fround', 'imul', 'max', 'min', 'round', 'sign', 'sqrt', 'trunc']
  const constants = ['E', 'LN10', 'LN2', 'LOG10E', 'LOG2E', 'PI', 'SQRT1_2', 'SQRT2']
  const math: Record<string, unknown> = {}
  for (const name of Object.getOwnPropertyNames(Math)) {
    const original = (Math as unknown as Record<string, unknown>)[name]
    if (exact.includes(name) || constants.includes(name)) math[name] = original
    else {
      math[name] = () => {
        throw new TypeError(
          `Math.${name} may differ between engines, so a replay could diverge: use the SDK's exp, log, pow, tanh`,
        )
      }
    }
  }
  return math
}

/** Evaluates a bundle in a compartment of its own: no authority but what it is handed. */
export function loadBundle(bundle: string): ChildEntry {
  const compartment = new Compartment({ globals: { Math: harden(exactMath()) }, __options__: true })
  return (compartment.evaluate(`${bundle};__warrant_strategy`) as { default: ChildEntry }).default
}

export const protect = (door: DoorFunction): DoorFunction => harden(door)
