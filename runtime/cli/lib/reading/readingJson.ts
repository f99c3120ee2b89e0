import type { Reading } from './readLog.ts'
import { whatIsNotSeen } from './whatIsNotSeen.ts'

/** What every command says in JSON of the log that it read (docs/reading.md). */
export function readingJson(reading: Reading) {
  const { where, kind, range, isOpen, keyName, trusted, witnesses, anchor, unmet, ok } = reading
  return {
    ok,
    source: { where, kind },
    range,
    isOpen,
    key: keyName,
    keyPinned: trusted !== null && trusted.pinnedBy !== null,
    keyPinnedBy: trusted?.pinnedBy ?? null,
    witnessed: witnesses.cosigned.length > 0,
    witnesses: { known: witnesses.known, cosigned: witnesses.cosigned },
    anchor,
    unmet,
    notSeen: whatIsNotSeen(reading),
  }
}

/** What is wrong with a log, or was required and does not hold, a line each; empty where all is well. */
export function failuresOf({ report, unmet }: Reading): string[] {
  return [...report.findings.map(({ where, reason }) => `${where}: ${reason}`), ...unmet]
}
