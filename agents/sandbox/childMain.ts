// The keyless child process in which a strategy runs. Nothing is inherited: no environment, no arguments, no files, no
// standard streams; the only way out is the IPC channel to the host, which this file holds and the strategy never sees.
import 'ses'

declare const lockdown: (options: Record<string, string>) => void
declare const harden: <T>(value: T) => T
declare class Compartment {
  constructor(options: { globals: Record<string, unknown>; __options__: true })
  evaluate(source: string): unknown
}

type Entry = {
  start(params: string): string
  decide(door: (door: string, payload: string) => Promise<string>): Promise<string>
}
type FromHost =
  | { type: 'load'; bundle: string; params: string }
  | { type: 'decide' }
  | { type: 'answer'; id: number; ok: boolean; payload: string }

const send = (message: object) => void process.send?.(message)
const messageOf = (error: unknown) => String((error as Error)?.message ?? error).slice(0, 1_500)
// An unhandled rejection inside the strategy must not print or end the process with a stack: it ends the decision.
process.on('unhandledRejection', error => send({ type: 'failed', reason: messageOf(error) }))

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

let entry: Entry | null = null
let nextDoor = 0
const waiting = new Map<number, { resolve: (payload: string) => void; reject: (error: Error) => void }>()

const door = harden((name: string, payload: string): Promise<string> => {
  const id = nextDoor++
  send({ type: 'door', id, door: String(name), payload: String(payload) })
  return new Promise((resolve, reject) => waiting.set(id, { resolve, reject }))
})

process.on('message', (message: FromHost) => {
  switch (message.type) {
    case 'load':
      return load(message)
    case 'decide':
      return decide()
    case 'answer': {
      const waiter = waiting.get(message.id)
      waiting.delete(message.id)
      if (message.ok) waiter?.resolve(message.payload)
      else waiter?.reject(new Error(message.payload))
    }
  }
})
process.on('disconnect', () => process.exit(0))

function load({ bundle, params }: { bundle: string; params: string }): void {
  try {
    const compartment = new Compartment({ globals: { Math: harden(exactMath()) }, __options__: true })
    entry = (compartment.evaluate(`${bundle};__warrant_strategy`) as { default: Entry }).default
    send({ type: 'loaded', manifest: String(entry.start(params)) })
  } catch (error) {
    send({ type: 'failed', reason: messageOf(error) })
  }
}

function decide(): void {
  const loaded = entry
  if (loaded === null) return send({ type: 'failed', reason: 'no strategy is loaded' })
  Promise.resolve()
    .then(() => loaded.decide(door))
    .then(
      result => send({ type: 'result', result: String(result) }),
      error => send({ type: 'failed', reason: messageOf(error) }),
    )
}

send({ type: 'ready' })
