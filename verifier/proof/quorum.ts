import { agreementFault } from './agreement.ts'
import type { ProofKind } from './proofKind.ts'

/** Workers of two or more operators signed the same output. Says nothing if they collude. */
export const quorum: ProofKind = {
  kind: 'quorum',
  proves: 'workers of different operators signed the same output',
  assumes: [
    'the operators that signed are independent and do not collude',
    'floating point: their runtimes give the same bits',
  ],
  browser: true,
  async verify(subject, ports) {
    const { proof } = subject.answer
    const fault =
      proof.kind === 'quorum' ? agreementFault(subject, proof.receipts, ports) : 'the answer carries no other receipts'
    if (fault !== null) return { ok: false, detail: fault, soundnessBits: null }
    const count = proof.kind === 'quorum' ? proof.receipts.length + 1 : 0
    return { ok: true, detail: `${count} operators signed this output`, soundnessBits: null }
  },
}
