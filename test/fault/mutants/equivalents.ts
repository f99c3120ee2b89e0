/** A mutant that no test can tell from the original, and the proof. `line` is the whole line that it changes, trimmed. */
export type Equivalent = { file: string; line: string; change: string; proof: string }

/** The change of a mutant as its id tells it: operator, before and after. */
export const EQUIVALENTS: readonly Equivalent[] = [
  ...['drop-operand: node != 0 → true', 'constant: 0 → 1'].map(change => ({
    file: 'verifier/contracts/LogAnchor.sol',
    line: 'while (node & 1 == 0 && node != 0) {',
    change,
    proof:
      'The loop is entered where `node` is odd, or equals `last`, which is not 0: so never with 0. Halving an even number that is not 0 gives no 0, and 1 is odd: the first operand alone ends the loop.',
  })),
]

/** Whether a survivor is one of them. `source` is the file as it is. */
export function isEquivalent({ file, id, line }: { file: string; id: string; line: number }, source: string): boolean {
  const text = source.split('\n')[line - 1]?.trim()
  return EQUIVALENTS.some(known => known.file === file && known.line === text && id.endsWith(` ${known.change}`))
}
