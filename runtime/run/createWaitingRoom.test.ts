import { expect, test } from 'vitest'
import { createWaitingRoom } from './createWaitingRoom.ts'

const deferred = () => {
  let settle = { resolve: () => {}, reject: (_error: Error) => {} }
  const promise = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject }
  })
  return { promise, ...settle }
}

test('work that asks nobody is awaited, and its failure is the caller’s', async () => {
  const room = createWaitingRoom(() => {
    throw new Error('never called')
  })
  const work = deferred()
  let isDone = false
  const entered = room
    .enter(() => work.promise)
    .then(() => {
      isDone = true
    })
  await Promise.resolve()
  expect([isDone, room.blocked()]).toEqual([false, null])
  work.resolve()
  await entered
  await expect(room.enter(async () => Promise.reject(new Error('no log')))).rejects.toThrow('no log')
  await room.emptied()
})

test('work that waits goes on by itself, and nothing else may be decided until its end', async () => {
  const room = createWaitingRoom(() => {})
  const answer = deferred()
  await room.enter(async waits => {
    waits('waiting for people on proposal 1')
    await answer.promise
  })
  expect(room.blocked()).toBe('waiting for people on proposal 1')
  const second = deferred()
  await room.enter(async waits => {
    waits('waiting for people on proposal 2')
    await second.promise
  })
  answer.resolve()
  await answer.promise
  await new Promise(setImmediate)
  expect(room.blocked()).toBe('waiting for people on proposal 2')
  second.resolve()
  await room.emptied()
  expect(room.blocked()).toBeNull()
})

test('a failure that nobody awaits is told at once, and thrown at the end', async () => {
  const failed = deferred()
  const room = createWaitingRoom(failed.resolve)
  const answer = deferred()
  await room.enter(async waits => {
    waits('waiting')
    await answer.promise
  })
  answer.reject(new Error('the log halted'))
  await failed.promise
  expect(room.blocked()).toBeNull()
  await expect(room.emptied()).rejects.toThrow('the log halted')
})
