import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import type { AttestationPort } from '#verifier/evidence/ports/attestation.ts'
import type { BlockRef, ChainPort } from '#verifier/evidence/ports/chain.ts'
import type { EnginePort } from '#verifier/evidence/ports/engine.ts'
import type { SandboxedStrategy } from '#verifier/evidence/ports/sandbox.ts'
import type { BlobRef } from '#verifier/evidence/primitives.ts'
import type { RecordOf } from '#verifier/evidence/record.ts'
import type { Bars } from '#verifier/evidence/records/observation.ts'
import type { ModelIdentity } from '#verifier/evidence/records/run.ts'
import type { CheckId, Simulation } from '#verifier/evidence/records/verdict.ts'
import type { Kernels } from '#verifier/kernels/openKernels.ts'
import type { Finding } from '#verifier/log/verifyTree.ts'
import type { Policy } from '#verifier/policy/policy.ts'
import type { RecordChecker, RunState } from './recordChecker.ts'

/** The verifier's own view of the market: never the agent's. */
export type MarketPort = {
  readonly description: string
  /** The bars that it has for these start times, or null where it has none. */
  barsAt(timeSeconds: readonly number[], intervalSeconds: number): Bars | null | Promise<Bars | null>
  /** The oracle: the last tick at or before a time, or null. */
  tickAt(timeSeconds: number): number | null | Promise<number | null>
}

/** What a verifier has signed and not yet seen executed or expired, and what it saw executed (evidence.md §5.8). */
export type Ledger = {
  /** Verdicts that still count: signed at, value, nonce. */
  entries(): readonly {
    nonce: string
    proposalDigest: string
    usd: number
    /** By token, base units; absent in journals of before there were limits on them. */
    outflows?: Record<string, string> | undefined
    signedAtSeconds: number
    /** What was signed can be executed until then, even after it failed once: a call that reverts uses up no nonce. */
    validUntil: number
    status: 'reserved' | 'executed' | 'failed' | 'expired'
  }[]
  highestTreasuryUsd(): number
}

export type AuditPorts = {
  crypto: CryptoPort
  engine: EnginePort | null
  chain: ChainPort
  market: MarketPort
  ledger: Ledger
  modelFile(model: ModelIdentity): Promise<Uint8Array>
  /** The run's strategy in the verifier's own sandbox. */
  strategy(run: RecordOf<'run'>): Promise<SandboxedStrategy>
  blob(ref: BlobRef): Promise<Uint8Array>
  kernels: Kernels | null
  /** Null: the kinds that rest on attestations are refused. */
  attestations: AttestationPort | null
  randomWords(words: Int32Array): void
  nowMs(): number
  nowMicros(): number
}

/** One model call of a decision, with its records. */
export type AuditedCall = { request: RecordOf<'request'>; requestLeaf: string; response: RecordOf<'response'> }

/** Everything about one proposal. Filled as the checks run: simulation and value at risk are set by theirs. */
export type AuditContext = {
  policy: Policy
  policyDigest: string
  logKey: string
  checkpointSize: number
  /** Witnesses of the policy that cosigned that checkpoint, each once, and when. */
  cosigned: readonly { name: string; timeSeconds: number }[]
  logFindings: readonly Finding[]
  records: RecordChecker
  runState: RunState
  proposal: RecordOf<'proposal'>
  proposalDigest: string
  decision: RecordOf<'decision'>
  /** Digests of the other proposals that rest on the same decision. */
  siblings: readonly string[]
  /** Digest of the first proposal of the log with this nonce: whoever comes later is not signed for. */
  firstWithNonce: string | null
  /**
   * A proposal that stood in the log when this verifier started, past what its journal had seen, and that may still be
   * executed: the journal may have been restored, or another process may hold the same key, so it may have signed it.
   */
  maybeSigned: { proposalDigest: string; validUntil: number } | null
  observation: RecordOf<'observation'> | null
  calls: AuditedCall[]
  approvals: RecordOf<'approval'>[]
  head: BlockRef
  oracleTick: number | null
  valueUsd: number | null
  simulation: Simulation | null
}

export type CheckOutcome = { ok: boolean; detail: string; assumptions?: string[] }
/** One of the nine checks. A throw counts as "could not be evaluated", which denies. */
export type Check = { readonly id: CheckId; run(context: AuditContext, ports: AuditPorts): Promise<CheckOutcome> }

/** Shorthands of the checks. */
export const pass = (detail: string, assumptions: string[] = []): CheckOutcome => ({ ok: true, detail, assumptions })
export const deny = (detail: string): CheckOutcome => ({ ok: false, detail })
