import { showTime } from '#verifier/evidence/text/showTime.ts'
import type { Reading } from './readLog.ts'

/**
 * Whose log it is, and what no check of its files can show, in words, said every time: what was left out where no witness
 * and no anchor that is known speaks for it.
 *
 * @example for (const line of whatIsNotSeen(reading)) print(line)
 */
export function whatIsNotSeen({ keyName, trusted, witnesses, anchor, range, kind, isOpen }: Reading): string[] {
  if (keyName === null) return []
  const pinnedBy = trusted?.pinnedBy ?? null
  const { known, cosigned } = witnesses
  const whose =
    pinnedBy === null
      ? `the log of ${keyName}: this key was taken from beside it and pins nothing; give --vkey to know whose log this is`
      : `the log of ${keyName}, the key that ${pinnedBy === '--vkey' ? 'you gave' : `stands in ${pinnedBy}`}`
  const lines = [whose]
  for (const { name, timeSeconds } of cosigned)
    lines.push(
      `cosigned by ${name} at ${showTime(timeSeconds * 1_000)}: it saw this tree, and no other of the same log`,
    )
  if (anchor !== null && anchor.unmet === null)
    lines.push(
      `anchored at ${anchor.contract} by ${anchor.publisher}: the first ${anchor.size} entries, in block ${anchor.blockNumber}`,
    )
  if (cosigned.length === 0 && (anchor === null || anchor.unmet !== null))
    lines.push(
      known === 0
        ? 'nobody was asked who cosigned this: what was left out at its end, or everywhere by all of its keys, cannot be seen'
        : `none of the ${known} witnesses that are known cosigned this: what was left out at its end, or everywhere by all of its keys, cannot be seen`,
    )
  if (range !== null)
    lines.push(`entries ${range.from} to ${range.to} alone: what they refer to outside of it was not followed`)
  if (kind === 'warrant') lines.push('single decisions: what else was logged is not in the file')
  if (isOpen)
    lines.push(
      'a writer has this log, or ended without closing it: what is published was read; the rest is not evidence yet',
    )
  return lines
}
