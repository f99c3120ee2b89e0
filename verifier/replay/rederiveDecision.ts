import { canonicalize } from '#verifier/evidence/canonical.ts'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { reasonOf } from '#verifier/evidence/error.ts'
import { payloadDigest } from '#verifier/evidence/payloadDigest.ts'
import type { RecordedAnswers, Rederived, SandboxedStrategy } from '#verifier/evidence/ports/sandbox.ts'
import type { RecordKind, RecordOf } from '#verifier/evidence/record.ts'

/** Where a decision, made again from what was recorded, differs. */
export type Divergence = { field: string; recorded: string; rederived: string }

export type FindRecord = <K extends RecordKind>(leafHash: string, kind: K) => RecordOf<K> | null

/**
 * Runs the strategy again on the recorded answers: every door must be asked for the same thing in the same order, and
 * the same result must come out. A changed question is a divergence, never a new call. Null: identical.
 */
export async function rederiveDecision(
  { crypto, strategy, find }: { crypto: CryptoPort; strategy: SandboxedStrategy; find: FindRecord },
  decision: RecordOf<'decision'>,
): Promise<Divergence | null> {
  const { doors, result } = decision.body
  // A missed tick has no result to derive: it is on record that there was none.
  if (result.type === 'missed') return null
  const observation = decision.body.observation === null ? null : find(decision.body.observation, 'observation')
  if (observation === null)
    return { field: 'observation', recorded: String(decision.body.observation), rederived: 'not in the log' }
  const inferences: RecordedAnswers['inferences'] = []
  for (const [i, use] of doors.entries()) {
    if (use.door === 'observe') continue
    const response = find(use.answer, 'response')
    if (response === null) return { field: `doors.${i}.answer`, recorded: use.answer, rederived: 'not in the log' }
    const answer = response.body.result
    inferences.push(answer.status === 'ok' ? { output: answer.output } : { failure: answer.reason })
  }

  let made: Rederived
  try {
    made = await strategy.rederive({ view: observation.body.view, inferences })
  } catch (error) {
    return { field: 'result', recorded: canonicalize(result), rederived: reasonOf(error) }
  }
  for (const [i, asked] of made.asked.entries()) {
    const use = doors[i]
    const door = asked.door === 'infer' && asked.input.type === 'chat' ? 'chat' : asked.door
    if (use?.door !== door) return { field: `doors.${i}.door`, recorded: use?.door ?? 'nothing', rederived: door }
    const what = asked.door === 'observe' ? decision.body.observation : payloadDigest(asked.input, crypto)
    if (use.asked !== what) return { field: `doors.${i}.asked`, recorded: use.asked, rederived: String(what) }
  }
  if (made.asked.length !== doors.length)
    return { field: 'doors', recorded: `${doors.length} uses`, rederived: `${made.asked.length} uses` }
  const [recorded, rederived] = [
    canonicalize(result),
    made.result === null ? `failed: ${made.failure}` : canonicalize(made.result),
  ]
  if (recorded !== rederived) return { field: 'result', recorded, rederived }
  const [lines, again] = [canonicalize(decision.body.log ?? []), canonicalize(made.log)]
  return lines === again ? null : { field: 'log', recorded: lines, rederived: again }
}
