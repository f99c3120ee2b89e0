import { toHex } from '#verifier/evidence/bytes.ts'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import type { RecordOf } from '#verifier/evidence/record.ts'
import { createFrontier } from '#verifier/log/frontier.ts'
import { type RuleContext, same } from './ruleContext.ts'

/** R58. */
export function checkSeal({ body }: RecordOf<'seal'>, { state, crypto, fail, scope }: RuleContext): void {
  const leaves = state.unsealed
  state.unsealed = []
  // Of an excerpt, answers may be missing here.
  if (scope === 'excerpt') return
  same(fail, 'R58', 'body.epoch', body.epoch, state.epoch++)
  same(fail, 'R58', 'body.receipts', body.receipts, leaves.length)
  if (leaves.length === 0) fail('R58', 'body.receipts', 'commits to no answer')
  else same(fail, 'R58', 'body.receiptsRoot', body.receiptsRoot, treeRoot(crypto, leaves))
}

/** Root of the tree over leaf hashes, as hex. */
function treeRoot(crypto: CryptoPort, leaves: readonly Uint8Array[]): string {
  const frontier = createFrontier(crypto)
  for (const leaf of leaves) frontier.append(leaf)
  return toHex(frontier.root())
}
