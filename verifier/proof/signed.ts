import type { ProofKind } from './proofKind.ts'

/** The worker's signature, nothing about the computation. */
export const signed: ProofKind = {
  kind: 'signed',
  proves: 'a listed worker signed this output for this request',
  assumes: ['the worker ran the model that it names, on the input that it names'],
  browser: true,
  async verify() {
    // The receipt was checked with the record; this kind adds nothing to it.
    return { ok: true, detail: 'receipt signed by a listed worker', soundnessBits: null }
  },
}
