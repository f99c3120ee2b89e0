export type TakeSlot = {
  /** Holders of one name at once. */
  atOnce: number
  /** How many may wait for it. */
  waiting: number
  /** Whoever gives up waits no more. */
  signal: AbortSignal
}

/** Turns by name: so many hold one at once, and a few wait, in the order in which they came. */
export type Slots = {
  /** Resolves with what gives the turn back; null when too many wait already, or the caller gave up. */
  take(name: string, parameters: TakeSlot): Promise<(() => void) | null>
}

type Turn = { holders: number; queue: (() => void)[] }

/** Nobody holds anything yet. */
export function createSlots(): Slots {
  const turns = new Map<string, Turn>()

  function give(name: string, turn: Turn): void {
    const next = turn.queue.shift()
    if (next !== undefined) return next()
    turn.holders--
    if (turn.holders === 0) turns.delete(name)
  }

  return {
    async take(name, { atOnce, waiting, signal }) {
      const turn = turns.get(name) ?? { holders: 0, queue: [] }
      turns.set(name, turn)
      let isHeld = true
      const release = () => {
        if (isHeld) give(name, turn)
        isHeld = false
      }
      if (turn.holders < atOnce) {
        turn.holders++
        return release
      }
      if (turn.queue.length >= waiting || signal.aborted) return null
      return new Promise(resolve => {
        const start = () => {
          signal.removeEventListener('abort', leave)
          resolve(release)
        }
        const leave = () => {
          turn.queue.splice(turn.queue.indexOf(start), 1)
          resolve(null)
        }
        turn.queue.push(start)
        signal.addEventListener('abort', leave, { once: true })
      })
    },
  }
}
