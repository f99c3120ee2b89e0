import { WarrantError } from '#verifier/evidence/error.ts'

/** Says on stderr what went wrong, and ends with 2: could not run (evidence.md §10). */
export function exitWith(error: unknown): never {
  if (error instanceof WarrantError) {
    process.stderr.write(`warrant: ${error.shortMessage}\n`)
    if (error.details !== null) process.stderr.write(`${error.details}\n`)
  } else {
    process.stderr.write(
      `warrant: unexpected: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    )
  }
  process.exit(2)
}
