// The keyless child process in which a strategy runs. Nothing is inherited: no environment, no arguments, no files, no
// standard streams; the only way out is the IPC channel to the host, which this file holds and the strategy never sees.
import 'ses'
import { parentPort } from 'node:worker_threads'

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
  | { type: 'decide'; view: string }
  | { type: 'rederive'; view: string; inferences: ({ output: string } | { failure: string })[] }
  | { type: 'answer'; id: number; ok: boolean; payload: string }

// A process has a channel to its host, a thread has a port.
const send = (message: object) => void (parentPort === null ? process.send?.(message) : parentPort.postMessage(message))
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

type DoorFunction = (name: string, payload: string) => Promise<string>

/** Doors of a live decision: the view came with the request, everything else is asked of the host. */
function liveDoors(view: string, uses: string[]): DoorFunction {
  return harden((name: string, payload: string): Promise<string> => {
    uses.push(String(name))
    if (name === 'observe') return Promise.resolve(view)
    const id = nextDoor++
    send({ type: 'door', id, door: String(name), payload: String(payload) })
    return new Promise((resolve, reject) => waiting.set(id, { resolve, reject }))
  })
}

/** Doors of a decision that is made again: recorded answers in order, and a list of what was asked. */
function recordedDoors(
  view: string,
  inferences: ({ output: string } | { failure: string })[],
  asked: object[],
): DoorFunction {
  let next = 0
  return harden((name: string, payload: string): Promise<string> => {
    asked.push({ door: String(name), payload: String(payload) })
    if (name === 'observe') return Promise.resolve(view)
    const answer = inferences[next++]
    if (answer === undefined) return Promise.reject(new Error('nothing is recorded for this request'))
    return 'output' in answer ? Promise.resolve(answer.output) : Promise.reject(new Error(answer.failure))
  })
}

const receive = (message: FromHost): void => {
  switch (message.type) {
    case 'load':
      return load(message)
    case 'decide': {
      const uses: string[] = []
      return run(liveDoors(message.view, uses), result => send({ type: 'result', result, uses }), failed)
    }
    case 'rederive': {
      const asked: object[] = []
      const doors = recordedDoors(message.view, message.inferences, asked)
      return run(
        doors,
        result => send({ type: 'rederived', result, failure: null, asked }),
        error => send({ type: 'rederived', result: null, failure: messageOf(error), asked }),
      )
    }
    case 'answer': {
      const waiter = waiting.get(message.id)
      waiting.delete(message.id)
      if (message.ok) waiter?.resolve(message.payload)
      else waiter?.reject(new Error(message.payload))
    }
  }
}
if (parentPort === null) process.on('message', receive)
else parentPort.on('message', receive)
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

const failed = (error: unknown) => send({ type: 'failed', reason: messageOf(error) })

function run(doors: DoorFunction, done: (result: string) => void, fail: (error: unknown) => void): void {
  const loaded = entry
  if (loaded === null) return fail(new Error('no strategy is loaded'))
  Promise.resolve()
    .then(() => loaded.decide(doors))
    .then(result => done(String(result)), fail)
}

send({ type: 'ready' })
