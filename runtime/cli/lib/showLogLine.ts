import type { LogLine } from '#verifier/evidence/records/decision.ts'
import { showLine } from '#verifier/evidence/text/showText.ts'

/** A line of `ctx.log` for a terminal. */
export function showLogLine(tick: number, { level, message, fields }: LogLine): string {
  const more = Object.entries(fields).map(([name, value]) => ` ${name}=${value}`)
  return showLine(`tick ${tick} ${level}: ${message}${more.join('')}`)
}
