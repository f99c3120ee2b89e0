/** What runs inside: see strategies/sdk/sandboxEntry.ts. Only strings cross. */
export type ChildEntry = {
  start(params: string): string
  decide(door: DoorFunction): Promise<string>
}
export type DoorFunction = (name: string, payload: string) => Promise<string>

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
  protect(door: DoorFunction): DoorFunction
}

/** The child's side of the sandbox protocol: loads one bundle, then decides and derives again on request. */
export function serveChild({ channel, load, protect }: ServeChildParameters): void {
  const { send } = channel
  const messageOf = (error: unknown) => String((error as Error)?.message ?? error).slice(0, 1_500)

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
  function recordedDoors({ view, inferences }: Recorded, asked: object[]): DoorFunction {
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
        return run(liveDoors(message.view, uses), result => send({ type: 'result', result, uses }), failed)
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
      send({ type: 'loaded', manifest: String(entry.start(params)) })
    } catch (error) {
      failed(error)
    }
  }

  function rederive(recorded: Recorded, done: (made: object) => void): void {
    const asked: object[] = []
    run(
      recordedDoors(recorded, asked),
      result => done({ result, failure: null, asked }),
      error => done({ result: null, failure: messageOf(error), asked }),
    )
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
