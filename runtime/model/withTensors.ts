import onnxProto from 'onnx-proto'
import type { IntGraph } from '#verifier/model/intGraph.ts'

const { FLOAT, UINT8, INT32, INT64 } = onnxProto.onnx.TensorProto.DataType
const TYPES: Readonly<Record<string, number>> = { float32: FLOAT, uint8: UINT8, int32: INT32, int64: INT64 }

/** The file with more of its tensors among the outputs: a linear op's accumulators, or all that there is. */
export function withTensors(file: Uint8Array, graph: IntGraph, names: readonly string[]): Uint8Array {
  const model = onnxProto.onnx.ModelProto.decode(file)
  const outputs = model.graph?.output ?? []
  const types = new Map(graph.steps.map(step => [step.name, graph.values[step.output]?.dtype ?? '']))
  for (const name of names) {
    if (outputs.some(output => output.name === name)) continue
    outputs.push({ name, type: { tensorType: { elemType: TYPES[types.get(name) ?? ''] ?? FLOAT } } })
  }
  if (model.graph) model.graph.output = outputs
  return onnxProto.onnx.ModelProto.encode(model).finish()
}
