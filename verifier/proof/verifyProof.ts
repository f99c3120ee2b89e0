import { freivalds } from './freivalds/freivalds.ts'
import type { ProofKind, ProofPorts, ProofReport, ProofSubject } from './proofKind.ts'
import { quorum } from './quorum.ts'
import { refereed } from './refereed/refereed.ts'
import { replay } from './replay.ts'
import { signed } from './signed.ts'

const KINDS: readonly ProofKind[] = [signed, replay, freivalds, quorum, refereed]

/** The proof kind of a name, or null: unknown kinds are refused by whoever asks. */
export function proofKindOf(kind: string): ProofKind | null {
  return KINDS.find(candidate => candidate.kind === kind) ?? null
}

/** Checks one answered request by the kind that it carries. `nowMicros` times it. */
export async function verifyProof(
  subject: ProofSubject,
  ports: ProofPorts,
  nowMicros: () => number,
): Promise<ProofReport> {
  const name = subject.answer.proof.kind
  const kind = proofKindOf(name)
  if (kind === null) {
    return {
      kind: name,
      ok: false,
      detail: `unknown proof kind ${name}`,
      soundnessBits: null,
      assumptions: [],
      costMicros: null,
    }
  }
  const since = nowMicros()
  const report = await kind.verify(subject, ports)
  return { kind: name, ...report, assumptions: [...kind.assumes], costMicros: Math.round(nowMicros() - since) }
}
