import type { ModelIdentity } from '../records/run.ts'
import type { Tensor } from '../tensor.ts'

/** A loaded model. */
export type LoadedModel = {
  run(input: Tensor): Promise<Tensor>
  /** Several inputs at once: exact-integer models only, whose rows do not depend on each other. */
  runBatch?(inputs: readonly Tensor[]): Promise<Tensor[]>
  /**
   * The same, each with its trace:
   * `trace`: the int32 accumulators of every linear op in the graph's order, little-endian.
   */
  runTraced?(inputs: readonly Tensor[]): Promise<{ output: Tensor; trace: Uint8Array }[]>
  close(): Promise<void>
}

/** Something that executes model files: onnxruntime in a worker, in a verifier, or in a browser. */
export type EnginePort = {
  /** What it is, as receipts name it. */
  readonly runtime: string
  /** Whether it runs models whose identity has this `numeric`. */
  supports(numeric: string): boolean
  /** @throws MODEL_INVALID when the file is not a model that the identity describes */
  load(identity: ModelIdentity, file: Uint8Array): Promise<LoadedModel>
}
