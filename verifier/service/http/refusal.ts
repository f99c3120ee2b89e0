import { type ErrorCode, WarrantError } from '#verifier/evidence/error.ts'

/** Why a request is not taken: an HTTP status, and what it says in the one form of errors. */
export class Refusal extends WarrantError {
  readonly status: number
  /** When to ask again, in milliseconds; null: not at all. */
  readonly retryAfterMs: number | null

  constructor(status: number, code: ErrorCode, message: string, retryAfterMs: number | null = null) {
    super(code, message, { retry: retryAfterMs === null ? 'never' : 'safe' })
    this.status = status
    this.retryAfterMs = retryAfterMs
  }
}

export const unauthorized = () =>
  new Refusal(401, 'UNAUTHORIZED', 'no token of a listed client: send Authorization: Bearer TOKEN')
export const tooSlow = () => new Refusal(408, 'TIMED_OUT', 'the body did not come in time')
export const tooLarge = (most: number) => new Refusal(413, 'BAD_INPUT', `the body is larger than ${most} bytes`)
export const tooMany = (what: string, retryAfterMs: number) => new Refusal(429, 'RATE_LIMITED', what, retryAfterMs)
