/** Work of a verifier that is done one after the other: verdicts first. */
export type Turns = {
  verdict<T>(work: () => Promise<T>): Promise<T>
  other<T>(work: () => Promise<T>): Promise<T>
}

/** Verdicts in a row while something else waits. */
const MOST_IN_A_ROW = 4

/** Nothing runs beside anything else; what waits longest goes first, verdicts before the rest, which still gets its turn. */
export function createTurns(): Turns {
  const verdicts: (() => Promise<void>)[] = []
  const others: (() => Promise<void>)[] = []
  let isRunning = false
  let inARow = 0

  async function run(): Promise<void> {
    isRunning = true
    for (;;) {
      const isTheirTurn = verdicts.length > 0 && (inARow < MOST_IN_A_ROW || others.length === 0)
      const next = isTheirTurn ? verdicts.shift() : others.shift()
      if (next === undefined) break
      inARow = isTheirTurn ? inARow + 1 : 0
      await next()
    }
    isRunning = false
  }

  const into =
    (queue: (() => Promise<void>)[]) =>
    <T>(work: () => Promise<T>) =>
      new Promise<T>((resolve, reject) => {
        queue.push(() => work().then(resolve, reject))
        if (!isRunning) void run()
      })
  return { verdict: into(verdicts), other: into(others) }
}
