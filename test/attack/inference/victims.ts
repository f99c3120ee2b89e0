import onnxProto from 'onnx-proto'
import { compileModel } from '#runtime/model/compile/compileModel.ts'
import { identifyModel } from '#runtime/worker/onnxEngine.ts'
import type { ModelIdentity } from '#verifier/evidence/records/run.ts'
import type { Tensor } from '#verifier/evidence/tensor.ts'
import { type IntGraph, readIntGraph } from '#verifier/model/intGraph.ts'
import { seededRandom } from '../../fault/seededRandom.ts'
import { randomSamples } from './floatModels.ts'
import { FAMILIES } from './intModels.ts'
import { answerOf } from './lies.ts'

export type Honest = { input: { shape: number[]; data: Float32Array }; output: Tensor; trace: Uint8Array }

/** A model that is lied about, with honest answers of it. */
export type Victim = {
  family: string
  file: Uint8Array
  model: ModelIdentity
  graph: IntGraph
  answers: Honest[]
  /** What the same graph with one weight changed answers. */
  byOther(input: Honest['input']): Pick<Honest, 'output' | 'trace'>
}

/** A victim of every family of models. */
export async function makeVictims(): Promise<Victim[]> {
  return Promise.all(
    Object.entries(FAMILIES).map(async ([family, make]) => {
      const random = seededRandom(7)
      const made = make(random)
      const { file, graph } = await compileModel(made.file, randomSamples(32, made.shape, random))
      const other = readIntGraph(withOtherWeights(file))
      const answers = Array.from({ length: 3 }, () => {
        const input = randomSamples(1, made.shape, random)
        return { input, ...answerOf(graph, input) }
      })
      const model = await identifyModel(family, file)
      return { family, file, model, graph, answers, byOther: (input: Honest['input']) => answerOf(other, input) }
    }),
  )
}

/** The same model with every weight of its first linear op one step away. */
function withOtherWeights(file: Uint8Array): Uint8Array {
  const model = onnxProto.onnx.ModelProto.decode(file)
  const weights = model.graph?.initializer?.find(tensor => tensor.dataType === onnxProto.onnx.TensorProto.DataType.INT8)
  if (weights?.rawData)
    weights.rawData = Uint8Array.from(weights.rawData, byte => (byte === 63 ? 62 : (byte + 1) & 0xff))
  return onnxProto.onnx.ModelProto.encode(model).finish()
}
