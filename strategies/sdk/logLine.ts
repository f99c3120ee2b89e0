import type { LogLine } from '#verifier/evidence/records/decision.ts'

const LEVELS = ['debug', 'info', 'warn', 'error']

/** A line as the record holds it: whole characters, and no more of them than it takes. @throws TypeError for no level */
export function logLineOf(
  level: LogLine['level'],
  message: string,
  fields: Readonly<Record<string, unknown>>,
): LogLine {
  if (!LEVELS.includes(level)) throw new TypeError(`log: level must be one of ${LEVELS.join(', ')}, got ${level}`)
  const kept = Object.entries(fields)
    .filter(([name]) => name !== '')
    .slice(0, 16)
  return {
    level,
    message: clip(message, 500),
    fields: Object.fromEntries(kept.map(([name, value]) => [clip(name, 50), clip(value, 200)])),
  }
}

function clip(value: unknown, chars: number): string {
  return String(value)
    .slice(0, chars)
    .replace(/\p{Surrogate}/gu, '\ufffd')
}
