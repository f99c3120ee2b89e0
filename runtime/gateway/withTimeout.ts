import { WarrantError } from '#verifier/evidence/error.ts'

/** What a promise gives, if it does so in time. @throws TIMED_OUT */
export function withTimeout<T>(promise: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new WarrantError('TIMED_OUT', `no answer within ${Math.round(timeoutMs)} ms`)),
      timeoutMs,
    )
  })
  return Promise.race([promise, expired]).finally(() => clearTimeout(timer))
}
