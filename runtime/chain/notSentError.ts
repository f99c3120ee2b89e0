import { WarrantError } from '#verifier/evidence/error.ts'
import type { ModuleRefusal } from './moduleRefusal.ts'

/** Why a transaction was not sent. `kind`: the module's error by name, or what else stood against it. */
export type NotSent = Pick<ModuleRefusal, 'kind' | 'words' | 'isStanding'>

/** That nothing was signed, logged as sent, or broadcast. */
export class NotSentError extends WarrantError {
  readonly refusal: NotSent

  constructor(refusal: NotSent, cause?: unknown) {
    super('REFUSED', refusal.words, { cause })
    this.refusal = refusal
  }
}
