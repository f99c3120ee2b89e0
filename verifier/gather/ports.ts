import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import type { AttestationPort } from '#verifier/evidence/ports/attestation.ts'
import type { ChainPort } from '#verifier/evidence/ports/chain.ts'
import type { EnginePort } from '#verifier/evidence/ports/engine.ts'
import type { MarketPort } from '#verifier/evidence/ports/market.ts'
import type { SandboxedStrategy } from '#verifier/evidence/ports/sandbox.ts'
import type { BlobRef } from '#verifier/evidence/primitives.ts'
import type { RecordOf } from '#verifier/evidence/record.ts'
import type { ModelIdentity } from '#verifier/evidence/records/run.ts'
import type { Kernels } from '#verifier/kernels/openKernels.ts'
import type { FindRecord } from '#verifier/replay/rederiveDecision.ts'

/** Where facts come from: a verifier's own node, market, sandbox and engines, and the payloads of the log that it follows. */
export type GatherPorts = {
  crypto: CryptoPort
  engine: EnginePort | null
  chain: Pick<ChainPort, 'block' | 'read' | 'simulate'>
  market: MarketPort
  find: FindRecord
  modelFile(model: ModelIdentity): Promise<Uint8Array>
  /** The run's strategy in the verifier's own sandbox. */
  strategy(run: RecordOf<'run'>): Promise<SandboxedStrategy>
  blob(ref: BlobRef): Promise<Uint8Array>
  kernels: Kernels | null
  /** Null: the kinds that rest on attestations are refused. */
  attestations: AttestationPort | null
  randomWords(words: Int32Array): void
  nowMicros(): number
}
