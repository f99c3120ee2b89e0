/** Characters of a reason in a record, at most. */
const MOST = 2_000

/**
 * Text of any origin as a reason that a record takes: well-formed (a lone surrogate becomes U+FFFD), at most 2,000 UTF-16
 * units, never empty.
 *
 * @example reasonText('cut \ud83d') // 'cut \ufffd'
 */
export function reasonText(text: string): string {
  return text.slice(0, MOST).toWellFormed() || 'no reason was given'
}
