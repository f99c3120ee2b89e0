/** A fault of the contracts with a name: a text that stands once in its file, and what would stand there instead. */
export type KnownFault = { name: string; file: string; from: string; to: string }

const GUARD = 'verifier/contracts/WarrantGuard.sol'
const ANCHOR = 'verifier/contracts/LogAnchor.sol'

/** Faults that somebody once found to be told by no test, and their kin. */
export const KNOWN_FAULTS: readonly KnownFault[] = [
  ['the guard lets modules delegate', GUARD, 'if (operation != 0) revert DelegatecallDenied(module);', ''],
  ['anybody allows a module', GUARD, 'if (msg.sender != safe) revert NotTheSafe(msg.sender);', ''],
  ['a proof may be too short', ANCHOR, 'return last == 0 && hash1 == root1', 'return hash1 == root1'],
  ['a proof may be too long', ANCHOR, 'if (last == 0) return false;', ''],
  ['a rollback is anchored', ANCHOR, 'if (size <= anchored) revert NotLarger(anchored, size);', ''],
].map(([name, file, from, to]) => ({ name, file, from, to }) as KnownFault)
