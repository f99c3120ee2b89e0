import { parentPort } from 'node:worker_threads'

/** What runs inside: see strategies/sdk/sandboxEntry.ts. Only strings cross. */
export type ChildEntry = {
  start(params: string): string
  decide(door: DoorFunction): Promise<string>
}
export type DoorFunction = (name: string, payload: string) => Promise<string>

type FromHost =
  | { type: 'load'; bundle: string; params: string }
  | { type: 'decide'; view: unknown }
  | { type: 'rederive'; view: unknown; inferences: ({ output: string } | { failure: string })[] }
  | { type: 'answer'; id: number; ok: boolean; payload: string }

export type ServeChildParameters = {
  /** Makes the entry of a bundle. */
  load(bundle: string): ChildEntry
  /** Makes a function safe to hand inside. */
  protect(door: DoorFunction): DoorFunction
}

/** The child's side of the sandbox protocol: loads one bundle, then decides and derives again on request. */
export function serveChild({ load, protect }: ServeChildParameters): void {
  // A process has a channel to its host, a thread has a port.
  const send = (message: object) =>
    void (parentPort === null ? process.send?.(message) : parentPort.postMessage(message))
  const messageOf = (error: unknown) => String((error as Error)?.message ?? error).slice(0, 1_500)
  // An unhandled rejection inside the strategy must not print or end the process with a stack: it ends the decision.
  process.on('unhandledRejection', error => send({ type: 'failed', reason: messageOf(error) }))

  let entry: ChildEntry | null = null
  let nextDoor = 0
  const waiting = new Map<number, { resolve: (payload: string) => void; reject: (error: Error) => void }>()

  /** Doors of a live decision: the view came with the request, everything else is asked of the host. */
  function liveDoors(view: string, uses: string[]): DoorFunction {
    return protect((name: string, payload: string): Promise<string> => {
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
    return protect((name: string, payload: string): Promise<string> => {
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
        return loadEntry(message)
      case 'decide': {
        const uses: string[] = []
        return run(
          liveDoors(JSON.stringify(message.view), uses),
          result => send({ type: 'result', result, uses }),
          failed,
        )
      }
      case 'rederive': {
        const asked: object[] = []
        const doors = recordedDoors(JSON.stringify(message.view), message.inferences, asked)
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

  function loadEntry({ bundle, params }: { bundle: string; params: string }): void {
    try {
      entry = load(bundle)
      send({ type: 'loaded', manifest: String(entry.start(params)) })
    } catch (error) {
      failed(error)
    }
  }

  function failed(error: unknown): void {
    send({ type: 'failed', reason: messageOf(error) })
  }

  function run(doors: DoorFunction, done: (result: string) => void, fail: (error: unknown) => void): void {
    const loaded = entry
    if (loaded === null) return fail(new Error('no strategy is loaded'))
    Promise.resolve()
      .then(() => loaded.decide(doors))
      .then(result => done(String(result)), fail)
  }

  send({ type: 'ready' })
}
