import { redact } from './text/redact.ts'

/** What went wrong, as a value that programs can switch on. Add a code here before throwing it. */
export type ErrorCode =
  | 'BAD_INPUT'
  | 'BAD_CONFIG'
  | 'BAD_DATA'
  | 'FILE_MISSING'
  | 'PORT_IN_USE'
  | 'UNREACHABLE'
  | 'EVIDENCE_MALFORMED'
  | 'EVIDENCE_MISSING'
  | 'LOG_LOCKED'
  | 'LOG_HALTED'
  | 'LOG_BEHIND'
  | 'UNAUTHORIZED'
  | 'RATE_LIMITED'
  | 'SANDBOX_LIMIT'
  | 'STRATEGY_FAILED'
  | 'STRATEGY_INVALID'
  | 'MODEL_INVALID'
  | 'WORKER_FAILED'
  | 'TIMED_OUT'
  | 'CHAIN_FAILED'
  | 'REFUSED'

/** `unknown` means that the effect may have happened: reconcile, never resend blindly. */
export type Retry = 'never' | 'safe' | 'unknown'

export type WarrantErrorParameters = {
  details?: string
  cause?: unknown
  retry?: Retry
}

/** The one error class: `code` for programs, `shortMessage` for people, `retry` for whoever must react. Of a URL it holds the origin at most. */
export class WarrantError extends Error {
  override readonly name = 'WarrantError'
  readonly code: ErrorCode
  readonly shortMessage: string
  readonly details: string | null
  readonly retry: Retry

  constructor(code: ErrorCode, shortMessage: string, { details, cause, retry = 'never' }: WarrantErrorParameters = {}) {
    const told = redact(shortMessage)
    const more = details === undefined ? null : redact(details)
    super(more === null ? told : `${told}\n${more}`, cause === undefined ? undefined : { cause })
    this.code = code
    this.shortMessage = told
    this.details = more
    this.retry = retry
  }
}

/** The message of anything that was thrown, on one line; of a URL in it the origin at most. */
export function reasonOf(error: unknown): string {
  if (error instanceof WarrantError) return error.shortMessage
  if (error instanceof Error)
    return redact(((error as { shortMessage?: string }).shortMessage ?? error.message).split('\n')[0] ?? '')
  return redact(String(error))
}
