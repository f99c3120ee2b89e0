/** Where a proposal waits for people while its agent lives on: ticks go on, and nothing else is proposed meanwhile. */
export type WaitingRoom = {
  /** Why nothing may be decided now, in words; null: nothing waits. */
  blocked(): string | null
  /**
   * Does a proposal's work. Resolves when it is done, or as soon as it waits for people; it then goes on by itself.
   * `work` is handed what to call when it starts to wait, with the reason that `blocked` gives until it is done.
   */
  enter(work: (waits: (reason: string) => void) => Promise<void>): Promise<void>
  /** Resolves when nothing waits any more. @throws what the work threw meanwhile */
  emptied(): Promise<void>
}

/**
 * An empty room.
 *
 * @param onFailure called when work fails that nobody awaits: `emptied` tells how
 * @example
 * const room = createWaitingRoom(() => stop())
 * await room.enter(async waits => {
 *   waits('waiting for people')
 *   await answers()
 * })
 * room.blocked() // 'waiting for people'
 */
export function createWaitingRoom(onFailure: () => void): WaitingRoom {
  const waiting = new Map<symbol, string>()
  let going: Promise<unknown> = Promise.resolve()

  return {
    blocked: () => [...waiting.values()][0] ?? null,
    async enter(work) {
      const ticket = Symbol('work')
      let waits = (_reason: string): void => {}
      const asked = new Promise<void>(resolve => {
        waits = reason => {
          waiting.set(ticket, reason)
          resolve()
        }
      })
      const done = work(waits).finally(() => waiting.delete(ticket))
      await Promise.race([done, asked])
      if (!waiting.has(ticket)) return done
      going = Promise.all([going, done])
      going.catch(onFailure)
    },
    async emptied() {
      await going
    },
  }
}
