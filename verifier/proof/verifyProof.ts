import { reasonOf } from '#verifier/evidence/error.ts'
import { proofName, proofsOf } from '#verifier/evidence/records/proof.ts'
import { freivalds } from './freivalds/freivalds.ts'
import { opengradient } from './opengradient.ts'
import type { ProofKind, ProofPorts, ProofReport, ProofSubject } from './proofKind.ts'
import { quorum } from './quorum.ts'
import { refereed } from './refereed/refereed.ts'
import { replay } from './replay.ts'
import { signed } from './signed.ts'
import { tee } from './tee.ts'

const KINDS: readonly ProofKind[] = [signed, replay, freivalds, quorum, refereed, tee, opengradient]

/** The proof kind of a name, or null: unknown kinds are refused by whoever asks. */
export function proofKindOf(kind: string): ProofKind | null {
  return KINDS.find(candidate => candidate.kind === kind) ?? null
}

/**
 * Checks one answered request by every kind that it carries; the first that does not hold is the report's. Kinds that hold
 * together give what each of them gives: the assumptions of all, the best soundness. `nowMicros` times it.
 */
export async function verifyProof(
  subject: ProofSubject,
  ports: ProofPorts,
  nowMicros: () => number,
): Promise<ProofReport> {
  const reports: ProofReport[] = []
  for (const proof of proofsOf(subject.answer.proof)) {
    const report = await verifyOne({ ...subject, answer: { ...subject.answer, proof } }, ports, nowMicros)
    if (!report.ok) return report
    reports.push(report)
  }
  const [only, ...others] = reports as [ProofReport, ...ProofReport[]]
  if (others.length === 0) return only
  const bits = reports.flatMap(({ soundnessBits }) => (soundnessBits === null ? [] : [soundnessBits]))
  return {
    kind: proofName(subject.answer.proof),
    ok: true,
    detail: reports.map(({ kind, detail }) => `${kind}: ${detail}`).join('; '),
    soundnessBits: bits.length === 0 ? null : Math.max(...bits),
    assumptions: reports.flatMap(({ assumptions }) => assumptions),
    costMicros: reports.reduce((sum, { costMicros }) => sum + (costMicros ?? 0), 0),
  }
}

async function verifyOne(subject: ProofSubject, ports: ProofPorts, nowMicros: () => number): Promise<ProofReport> {
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
  // What an answer holds is whoever wrote it's: a check that it makes throw has not held.
  const report = await kind.verify(subject, ports).catch((error: unknown) => ({
    ok: false,
    detail: `cannot be checked: ${reasonOf(error)}`,
    soundnessBits: null,
  }))
  return { kind: name, ...report, assumptions: [...kind.assumes], costMicros: Math.round(nowMicros() - since) }
}
