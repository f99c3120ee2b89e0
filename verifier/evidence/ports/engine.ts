import type { ModelIdentity } from '../records/run.ts'
import type { Tensor } from '../tensor.ts'

/** A loaded model. */
export type LoadedModel = { run(input: Tensor): Promise<Tensor>; close(): Promise<void> }

/** Something that executes model files: onnxruntime in a worker, in a verifier, or in a browser. */
export type EnginePort = {
  /** How results of this engine are named in a model's identity (`numeric`). */
  readonly numeric: string
  /** @throws MODEL_INVALID when the file is not a model that the identity describes */
  load(identity: ModelIdentity, file: Uint8Array): Promise<LoadedModel>
}
