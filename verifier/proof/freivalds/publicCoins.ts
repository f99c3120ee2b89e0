import { utf8 } from '#verifier/evidence/bytes.ts'
import { canonicalize } from '#verifier/evidence/canonical.ts'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { domainBytes } from '#verifier/evidence/digest.ts'

/** What public coins are derived from: a log at the size that its `seal` entry ends, so after every receipt it commits to. */
export type CoinSource = { origin: string; size: number; root: string; model: string }

/**
 * Coins that anybody derives alike (evidence.md §4.1, public coins): for each op the SHA-256 of its seed and a counter,
 * as little-endian words. A worker that signed a trace before the root was known cannot have chosen it to fit.
 */
export function publicCoins(crypto: CryptoPort, source: CoinSource): (op: number, words: Int32Array) => void {
  return (op, words) => {
    const seed = crypto.sha256(domainBytes('coins', utf8(canonicalize({ ...source, op }))))
    const block = new Uint8Array(36)
    block.set(seed)
    const counter = new DataView(block.buffer)
    const out = new Uint8Array(words.buffer, words.byteOffset, words.byteLength)
    for (let at = 0, i = 0; at < out.length; at += 32, i++) {
      counter.setUint32(32, i, true)
      out.set(crypto.sha256(block).subarray(0, Math.min(32, out.length - at)), at)
    }
  }
}
