import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import type { AcceptedPlatform, AttestationPort } from '#verifier/evidence/ports/attestation.ts'
import type { EnginePort } from '#verifier/evidence/ports/engine.ts'
import type { BlobRef } from '#verifier/evidence/primitives.ts'
import type { Request } from '#verifier/evidence/records/request.ts'
import type { Response } from '#verifier/evidence/records/response.ts'
import type { ModelIdentity } from '#verifier/evidence/records/run.ts'
import type { Kernels } from '#verifier/kernels/openKernels.ts'

type Answer = Extract<Response['result'], { status: 'ok' }>

/** One answered request with everything that a check may need. Signature and statement were checked before. */
export type ProofSubject = {
  request: Request
  requestLeaf: string
  answer: Answer
  model: ModelIdentity
  /** Those whose receipts count, as the run lists them. */
  workers: readonly { id: string; operator: string; publicKey: string }[]
}

/** Ports of the checks. An engine may be absent, where a kind that needs it then fails and says so. */
export type ProofPorts = {
  crypto: CryptoPort
  engine: EnginePort | null
  modelFile(model: ModelIdentity): Promise<Uint8Array>
  /** A payload of the log. @throws EVIDENCE_MISSING */
  blob(ref: BlobRef): Promise<Uint8Array>
  kernels: Kernels | null
  /**
   * What attestations are checked with, which platforms count, and when they must have held: when a witness cosigned;
   * `stated`: when the worker says that it answered; null: nobody knows.
   */
  attestation: {
    port: AttestationPort
    accepted: readonly AcceptedPlatform[]
    atMs: number | 'stated' | null
  } | null
  /** Fills with numbers that nobody else can know. */
  randomWords(words: Int32Array): void
}

/** What a check found. `soundnessBits`: −log2 of the chance that a wrong output passes; null: not of that nature. */
export type ProofReport = {
  kind: string
  ok: boolean
  detail: string
  soundnessBits: number | null
  assumptions: string[]
  costMicros: number | null
  /** Whether what the worker itself signed is contradicted: nobody else can have made it look so. */
  convicts?: boolean
  /** Whether the check could not be made, or cannot tell a lie from another machine: that is no fault of the worker's. */
  unable?: boolean
}

/** A proof kind: what it proves, what it assumes, and the check. */
export type ProofKind = {
  readonly kind: string
  readonly proves: string
  readonly assumes: readonly string[]
  /** Whether the check runs in a browser. */
  readonly browser: boolean
  verify(subject: ProofSubject, ports: ProofPorts): Promise<Omit<ProofReport, 'kind' | 'assumptions' | 'costMicros'>>
}
