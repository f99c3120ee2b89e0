import type { Case } from '#verifier/judge/case.ts'
import { type Divergence, rederiveDecision } from '#verifier/replay/rederiveDecision.ts'
import type { GatherPorts } from './ports.ts'

/** Characters that facts keep of a difference. */
const MOST = 300

/** Makes the case's decision again in the verifier's own sandbox: the first difference, or null. */
export async function rederived(
  { run, decision }: Pick<Case, 'run' | 'decision'>,
  { crypto, strategy, find }: Pick<GatherPorts, 'crypto' | 'strategy' | 'find'>,
): Promise<Divergence | null> {
  return shortened(await rederiveDecision({ crypto, strategy: await strategy(run), find }, decision))
}

/** A difference as facts hold it. */
export function shortened(difference: Divergence | null): Divergence | null {
  if (difference === null) return null
  const { field, recorded, rederived } = difference
  return { field: field.slice(0, 200), recorded: recorded.slice(0, MOST), rederived: rederived.slice(0, MOST) }
}
