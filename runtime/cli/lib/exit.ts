import { WarrantError } from '#verifier/evidence/error.ts'
import { maskKeys } from '#verifier/evidence/text/redact.ts'
import { complain, complainLines } from './output.ts'

/** Says on stderr what went wrong, and ends with 2: could not run (evidence.md §10). */
export function exitWith(error: unknown): never {
  if (error instanceof WarrantError) {
    complain(`warrant: ${error.shortMessage}`)
    if (error.details !== null) complainLines(error.details)
  } else {
    // A stack tells where; what a library says may quote what it was given.
    complainLines(
      `warrant: unexpected: ${maskKeys(error instanceof Error ? (error.stack ?? error.message) : String(error))}`,
    )
  }
  process.exit(2)
}
