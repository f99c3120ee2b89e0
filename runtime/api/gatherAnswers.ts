import { setTimeout as sleep } from 'node:timers/promises'
import { WarrantError } from '#verifier/evidence/error.ts'

/** One of those who are asked. */
export type Asked<T> = { name: string; answer: Promise<T> }

export type GatherParameters<T> = {
  asked: readonly Asked<T>[]
  /** Whether the answers so far are enough to go on. */
  isEnough(answers: readonly T[]): boolean
  /** Those who kept others waiting before: once there is enough, nobody waits for them. */
  slow: ReadonlySet<string>
  /** How long the others are waited for once there is enough. */
  graceMs: number
  /** How long anybody is waited for. */
  deadlineMs: number
}

export type Gathered<T> = {
  answers: { name: string; value: T }[]
  /** Who failed, and who had not answered when the rest went on. */
  failures: { name: string; error: unknown }[]
  silent: string[]
}

/**
 * Answers of peers that are asked at once. Nobody is waited for longer than the deadline, nor, once there is enough,
 * longer than the grace: one that is silent costs a moment, once.
 */
export async function gatherAnswers<T>(parameters: GatherParameters<T>): Promise<Gathered<T>> {
  const { asked, isEnough, slow, graceMs, deadlineMs } = parameters
  const answers: Gathered<T>['answers'] = []
  const failures: Gathered<T>['failures'] = []
  const open = new Set(asked.map(({ name }) => name))
  const ended = new AbortController()
  const { signal } = ended
  await new Promise<void>(resolve => {
    let inGrace = false
    const settle = () => {
      const isWaitedFor = [...open].some(name => !slow.has(name))
      const enough = isEnough(answers.map(({ value }) => value))
      if (open.size === 0 || (enough && !isWaitedFor)) return resolve()
      if (!enough || inGrace) return
      inGrace = true
      sleep(graceMs, undefined, { signal }).then(resolve, () => {})
    }
    for (const { name, answer } of asked)
      answer.then(
        value => {
          if (signal.aborted) return
          open.delete(name)
          answers.push({ name, value })
          settle()
        },
        error => {
          if (signal.aborted) return
          open.delete(name)
          failures.push({ name, error })
          settle()
        },
      )
    sleep(deadlineMs, undefined, { signal }).then(resolve, () => {})
    settle()
  })
  ended.abort()
  return { answers, failures, silent: [...open] }
}

/** What is said of a peer that had not answered when the others went on. */
export const noAnswer = (afterMs: number) =>
  new WarrantError('UNREACHABLE', `had not answered after ${Math.round(afterMs)} ms`, { retry: 'safe' })
