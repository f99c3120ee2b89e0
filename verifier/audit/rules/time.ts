import type { AnyRecord } from '#verifier/evidence/record.ts'
import { isWallClock, type RuleContext } from './ruleContext.ts'

/** How far a clock may go back without a word. */
export const BACKWARD_MS = 2_000

/** 2026-01-01, UTC: no live record of this format is older. */
const FIRST_MS = Date.UTC(2026, 0, 1)

/** What the incident is called that says that the clock was set back. */
export const CLOCK_SET_BACK = 'the clock was set back'

/** R7 and R8. */
export function checkTime(record: AnyRecord, { state, fail, scope }: RuleContext): void {
  const isStep = record.kind === 'incident' && record.body.what === CLOCK_SET_BACK
  // Of an excerpt, the incident that says so may be missing.
  if (scope === 'log' && !isStep && record.atMs < state.lastAtMs - BACKWARD_MS)
    fail('R7', 'atMs', `is ${record.atMs}, ${state.lastAtMs - record.atMs} ms before an earlier record of its run`)
  state.lastAtMs = isStep ? record.atMs : Math.max(record.atMs, state.lastAtMs)
  if (isWallClock(state) && record.atMs < FIRST_MS) fail('R8', 'atMs', `is ${record.atMs}, before 2026`)
}
