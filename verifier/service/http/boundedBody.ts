import { Transform } from 'node:stream'
import type { Bucket } from './bucket.ts'
import { HTTP_LIMITS } from './limits.ts'
import { tooLarge, tooMany, tooSlow } from './refusal.ts'

/**
 * A request's body while it comes in: cut when it is longer than `mostBytes`, takes too long, or all but stands still.
 * `unpaid`: what its length was not announced of, and so not taken from the client's bytes before.
 */
export function boundedBody(source: NodeJS.ReadableStream, mostBytes: number, unpaid: Bucket | null): Transform {
  let [received, counted] = [0, 0]
  const bounded = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      received += chunk.length
      if (received > mostBytes) return done(tooLarge(mostBytes))
      const waitMs = unpaid?.take(chunk.length) ?? 0
      if (waitMs > 0) return done(tooMany('too many bytes', waitMs))
      done(null, chunk)
    },
  })
  const end = () => {
    clearTimeout(deadline)
    clearInterval(watch)
    source.unpipe(bounded)
  }
  const cut = () => bounded.destroy(tooSlow())
  const deadline = setTimeout(cut, HTTP_LIMITS.bodyMs)
  const watch = setInterval(() => {
    if (received - counted < HTTP_LIMITS.stalledBytes) cut()
    counted = received
  }, HTTP_LIMITS.stalledMs)
  bounded.once('close', end)
  source.once('error', error => bounded.destroy(error as Error))
  source.once('close', () => !bounded.writableEnded && bounded.destroy(tooSlow()))
  source.pipe(bounded)
  return bounded
}
