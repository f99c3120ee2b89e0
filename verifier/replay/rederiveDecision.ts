import { canonicalize } from '#verifier/evidence/canonical.ts'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import { payloadDigest } from '#verifier/evidence/payloadDigest.ts'
import type { SandboxedStrategy } from '#verifier/evidence/ports/sandbox.ts'
import type { RecordKind, RecordOf } from '#verifier/evidence/record.ts'
import type { DecisionResult } from '#verifier/evidence/records/decision.ts'
import type { ModelInput } from '#verifier/evidence/records/request.ts'

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
  let next = 0
  let divergence: Divergence | null = null
  const diverge = (field: string, recorded: string, rederived: string): WarrantError => {
    divergence ??= { field, recorded, rederived }
    return new WarrantError('REFUSED', `${field} diverges from the record`)
  }
  // A missed tick has no result to derive: it is on record that there was none.
  if (result.type === 'missed') return null

  let made: DecisionResult
  try {
    made = await strategy.decide({
      async observe() {
        const field = `doors.${next}`
        const use = doors[next++]
        const record = use?.door === 'observe' ? find(use.answer, 'observation') : null
        if (record === null) throw diverge(field, use?.door ?? 'nothing', 'observe')
        return record.body.view
      },
      async infer(model, input): Promise<ModelInput> {
        const field = `doors.${next}`
        const use = doors[next++]
        const response = use?.door === 'infer' || use?.door === 'chat' ? find(use.answer, 'response') : null
        if (use === undefined || response === null) throw diverge(field, use?.door ?? 'nothing', `infer ${model}`)
        const asked = payloadDigest(input, crypto)
        if (asked !== use.asked) throw diverge(`${field}.asked`, use.asked, asked)
        if (response.body.result.status !== 'ok') throw new WarrantError('WORKER_FAILED', response.body.result.reason)
        return response.body.result.output
      },
    })
  } catch (error) {
    return divergence ?? { field: 'result', recorded: canonicalize(result), rederived: reasonOf(error) }
  }
  if (divergence !== null) return divergence
  if (next !== doors.length) return { field: 'doors', recorded: `${doors.length} uses`, rederived: `${next} uses` }
  const [recorded, rederived] = [canonicalize(result), canonicalize(made)]
  return recorded === rederived ? null : { field: 'result', recorded, rederived }
}
