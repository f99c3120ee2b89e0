import { WarrantError } from '#verifier/evidence/error.ts'
import type { LogLine } from '#verifier/evidence/records/decision.ts'
import type { SourcePlaces } from './sourcePlaces.ts'

/** A place in a bundle, counting from 1. */
export type Frame = { line: number; column: number }

/** A decision that came to nothing: why, what the strategy had logged, and where in its bundle it stood. */
export class StrategyFailure extends WarrantError {
  readonly log: readonly LogLine[]
  readonly frames: readonly Frame[]

  constructor(reason: string, { log = [], frames = [] }: { log?: readonly LogLine[]; frames?: readonly Frame[] } = {}) {
    super('STRATEGY_FAILED', reason)
    this.log = log
    this.frames = frames
  }
}

/** The failure with file and line of the strategy's own files behind its reason, where the bundle's source map is at hand. */
export function located(failure: WarrantError, places: SourcePlaces | null): WarrantError {
  if (!(failure instanceof StrategyFailure)) return failure
  const own = places === null ? null : placeOf(failure.frames, places)
  return own === null ? failure : new StrategyFailure(`${failure.shortMessage} (${own})`, { log: failure.log })
}

function placeOf(frames: readonly Frame[], places: SourcePlaces): string | null {
  for (const { line, column } of frames) {
    const place = places.own(line, column)
    if (place !== null) return place
  }
  return null
}
