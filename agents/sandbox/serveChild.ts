import type { Frame } from './strategyFailure.ts'

/** What runs inside: see strategies/sdk/sandboxEntry.ts. Only strings cross. */
export type ChildEntry = {
  start(params: string): string
  decide(door: DoorFunction, log: LogFunction): Promise<string>
}
export type DoorFunction = (name: string, payload: string) => Promise<string>
/** Takes a line, as JSON. */
export type LogFunction = (line: string) => void

/** What the host sends. Views and answers are JSON text, which goes inside as it is. */
export type FromHost =
  | { type: 'load'; bundle: string; params: string }
  | { type: 'decide'; view: string }
  | { type: 'rederive'; recorded: Recorded[] }
  | { type: 'answer'; id: number; ok: boolean; payload: string }

/** What is on record of one decision. */
export type Recorded = { view: string; inferences: ({ output: string } | { failure: string })[] }

/** The way to the host. */
export type Channel = {
  send(message: object): void
  /** `failed`: what the strategy left rejected and unhandled. */
  listen(receive: (message: FromHost) => void, failed: (error: unknown) => void): void
}

export type ServeChildParameters = {
  channel: Channel
  /** Makes the entry of a bundle. */
  load(bundle: string): ChildEntry
  /** Makes a function safe to hand inside. */
  protect<T extends object>(lent: T): T
  /** Where in the bundle an error came from. */
  framesOf(error: unknown): Frame[]
}

/** Lines of one decision, and characters in all of them, at most: what is more is not kept, and said so. */
const LINES = 32
const LINE_CHARS = 8_000
const NOT_KEPT = JSON.stringify({ level: 'warn', message: 'more lines were logged than are kept', fields: {} })

/** One use of a door, until it is answered. */
type DoorCall = { name: string; payload: string; resolve(payload: string): void; reject(error: Error): void }

/** The doors of one decision, which end with it, and what it logs. */
type Doors = { door: DoorFunction; log: LogFunction; lines: readonly string[]; close(): void }

/** The child's side of the sandbox protocol: loads one bundle, then decides and derives again on request. */
export function serveChild({ channel, load, protect, framesOf }: ServeChildParameters): void {
  const { send } = channel

  let entry: ChildEntry | null = null
  let nextDoor = 0
  /** Lines of the decision that is being made. */
  let lines: readonly string[] = []
  const waiting = new Map<number, Pick<DoorCall, 'resolve' | 'reject'>>()

  /**
   * Doors that `answer` serves, in order. The strategy calls them wherever it stands, at the edge of its stack too, so a
   * call only notes what is asked: everything else happens on a stack of the host's own. A call that does not fit any more
   * throws before anything is noted.
   */
  function openDoors(answer: (call: DoorCall) => void): Doors {
    const calls: DoorCall[] = []
    let isOpen = true
    const serve = () => {
      for (let call = calls.shift(); call !== undefined; call = calls.shift())
        if (isOpen) answer(call)
        else call.reject(new Error('the decision is over'))
    }
    const settled = Promise.resolve()
    const noted: string[] = []
    let chars = 0
    let isFull = false
    return {
      lines: noted,
      log: protect(line => {
        const text = String(line)
        if (!isOpen || isFull) return
        isFull = noted.length === LINES || chars + text.length > LINE_CHARS
        chars += text.length
        noted.push(isFull ? NOT_KEPT : text)
      }),
      door: protect((name, payload) => {
        const [asked, text] = [String(name), String(payload)]
        return new Promise((resolve, reject) => {
          void settled.then(serve)
          calls.push({ name: asked, payload: text, resolve, reject })
        })
      }),
      close() {
        serve()
        isOpen = false
      },
    }
  }

  /** Doors of a live decision: the view came with the request, everything else is asked of the host. */
  function liveDoors(view: string, uses: string[]): Doors {
    return openDoors(({ name, payload, resolve, reject }) => {
      uses.push(name)
      if (name === 'observe') return resolve(view)
      const id = nextDoor++
      waiting.set(id, { resolve, reject })
      send({ type: 'door', id, door: name, payload })
    })
  }

  /** Doors of a decision that is made again: recorded answers in order, and a list of what was asked. */
  function recordedDoors({ view, inferences }: Recorded, asked: object[]): Doors {
    let next = 0
    return openDoors(({ name, payload, resolve, reject }) => {
      asked.push({ door: name, payload })
      if (name === 'observe') return resolve(view)
      const answer = inferences[next++]
      if (answer === undefined) reject(new Error('nothing is recorded for this request'))
      else if ('output' in answer) resolve(answer.output)
      else reject(new Error(answer.failure))
    })
  }

  const receive = (message: FromHost): void => {
    switch (message.type) {
      case 'load':
        return loadEntry(message)
      case 'decide': {
        const uses: string[] = []
        waiting.clear()
        return run(liveDoors(message.view, uses), result => send({ type: 'result', result, uses, log: lines }), failed)
      }
      case 'rederive':
        // One after the other, as they were made: a strategy sees no two decisions at once.
        return message.recorded.reduceRight<(made: object[]) => void>(
          (next, recorded) => made => rederive(recorded, one => next([...made, one])),
          made => send({ type: 'rederived', made }),
        )([])
      case 'answer': {
        const waiter = waiting.get(message.id)
        waiting.delete(message.id)
        if (message.ok) waiter?.resolve(message.payload)
        else waiter?.reject(new Error(message.payload))
      }
    }
  }
  channel.listen(receive, failed)

  function loadEntry({ bundle, params }: { bundle: string; params: string }): void {
    try {
      entry = load(bundle)
      send({ type: 'loaded', manifest: textOf(entry.start(params)) })
    } catch (error) {
      failed(error)
    }
  }

  function rederive(recorded: Recorded, done: (made: object) => void): void {
    const asked: object[] = []
    run(
      recordedDoors(recorded, asked),
      result => done({ result, failure: null, asked, log: lines }),
      error => done({ result: null, failure: messageOf(error), asked, log: lines }),
    )
  }

  function failed(error: unknown): void {
    send({ type: 'failed', reason: messageOf(error), log: lines, frames: framesOf(error) })
  }

  function run(doors: Doors, done: (result: string) => void, fail: (error: unknown) => void): void {
    const loaded = entry
    if (loaded === null) return fail(new Error('no strategy is loaded'))
    lines = doors.lines
    Promise.resolve()
      .then(() => loaded.decide(doors.door, doors.log))
      .then(textOf)
      .finally(doors.close)
      .then(done, fail)
  }

  send({ type: 'ready' })
}

/** Only strings cross. @throws TypeError for anything else, without touching it */
function textOf(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError('the bundle answered with something that is no text')
  return value
}

/** What an error says, which may be anything that was thrown. */
function messageOf(error: unknown): string {
  try {
    return String((error as Error)?.message ?? error).slice(0, 1_500)
  } catch {
    return 'threw something that cannot be read'
  }
}
