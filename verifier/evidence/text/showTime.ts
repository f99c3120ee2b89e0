/** Where the reader is, as the machine has it. */
const here = () => Intl.DateTimeFormat().resolvedOptions().timeZone

/**
 * A time for people, to the second: UTC, and, where it is not UTC here, local time.
 *
 * @example showTime(1764084000000, 'Asia/Tokyo') // '2025-11-25 15:20:00 UTC (2025-11-26 00:20:00 Asia/Tokyo)'
 */
export function showTime(timeMs: number, zone = here()): string {
  // The years that a Date knows end: a record may hold any safe integer.
  if (!Number.isFinite(timeMs) || Math.abs(timeMs) > 8.64e15) return `${timeMs} ms since 1970`
  const utc = `${new Date(timeMs).toISOString().slice(0, -5).replace('T', ' ')} UTC`
  if (['UTC', 'Etc/UTC', 'Etc/GMT', 'GMT'].includes(zone)) return utc
  // Sweden writes dates as ISO 8601 does.
  return `${utc} (${new Date(timeMs).toLocaleString('sv-SE', { timeZone: zone })} ${zone})`
}

/** A length of time in its two largest units. @example showDuration(7_260) // '2 h 1 min' */
export function showDuration(seconds: number): string {
  const units: [string, number][] = [
    ['d', 86_400],
    ['h', 3_600],
    ['min', 60],
    ['s', 1],
  ]
  let left = Math.max(0, Math.floor(seconds))
  const parts: string[] = []
  for (const [unit, size] of units) {
    const count = Math.floor(left / size)
    left -= count * size
    if (count > 0) parts.push(`${count} ${unit}`)
  }
  return parts.slice(0, 2).join(' ') || '0 s'
}
