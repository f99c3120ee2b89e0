/** Milliseconds of a UTC date `YYYY-MM-DD` and time `HH:MM:SS`, or null where the calendar or the clock has no such moment. */
export function utcTime(date: string, time = '00:00:00'): number | null {
  const ms = Date.parse(`${date}T${time}Z`)
  // Date.parse takes 30 February for 2 March, and 24:00 for the next day.
  return Number.isFinite(ms) && new Date(ms).toISOString().slice(0, 19) === `${date}T${time}` ? ms : null
}
