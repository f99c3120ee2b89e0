import { existsSync, statSync } from 'node:fs'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import { maskKeys } from '#verifier/evidence/text/redact.ts'
import { complain, complainLines } from './output.ts'

/** Says on stderr what went wrong, and ends with 2: could not run (evidence.md §10). */
export function exitWith(error: unknown): never {
  if (error instanceof WarrantError) {
    complain(`warrant: ${error.shortMessage}`)
    if (error.details !== null) complainLines(error.details)
  } else if (isSystemError(error)) {
    complain(`warrant: ${systemReason(error)}`)
  } else if (error instanceof Error && 'shortMessage' in error) {
    // The chain library's errors. What a node or a contract did not answer is no fault of the program.
    complain(`warrant: the chain did not answer as it must: ${maskKeys(reasonOf(error))}`)
  } else {
    // A stack tells where; what a library says may quote what it was given.
    complainLines(
      `warrant: unexpected: ${maskKeys(error instanceof Error ? (error.stack ?? error.message) : String(error))}`,
    )
  }
  process.exit(2)
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string'
}

/** What the system refused, on one line. Reading a directory, it does not say which: then it is one of the arguments. */
function systemReason({ code, path, message }: NodeJS.ErrnoException): string {
  if (code !== 'EISDIR') return maskKeys(message)
  const given = process.argv.slice(3).filter(name => existsSync(name) && statSync(name).isDirectory())
  return `${path ?? (given.join(', ') || 'a path of the configuration')}: is a directory, where a file is due`
}
