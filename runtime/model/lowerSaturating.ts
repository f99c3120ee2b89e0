import onnxProto from 'onnx-proto'
import type { IntGraph } from '#verifier/model/intGraph.ts'
import { ZERO_POINT } from '#verifier/model/linear.ts'
import { saturatingOps } from './saturation.ts'

const { UINT8 } = onnxProto.onnx.TensorProto.DataType

/**
 * The file with the weights of every linear op that may saturate as uint8 around 128: the same whole numbers, by
 * onnxruntime's (uint8, uint8) kernels, which add in 32 bits on every processor. Other ops keep their faster kernels.
 */
export function lowerSaturating(file: Uint8Array, graph: IntGraph): Uint8Array {
  const wide = new Map(saturatingOps(graph).map(({ spec }) => [spec.output, spec]))
  if (wide.size === 0) return file
  const model = onnxProto.onnx.ModelProto.decode(file)
  const held = model.graph
  if (!held) return file
  const initializers = [...(held.initializer ?? [])]
  const made = new Set<string>()
  for (const node of held.node ?? []) {
    const spec = wide.get(node.output?.[0] ?? '')
    if (node.opType !== 'MatMulInteger' || spec === undefined || spec.weights === null) continue
    const [left = '', right = '', zero = ''] = node.input ?? []
    const name = `${right} as uint8`
    node.input = [left, name, zero, zero]
    if (made.has(name)) continue
    made.add(name)
    const rawData = Uint8Array.from(spec.weights, weight => weight + ZERO_POINT)
    initializers.push(onnxProto.onnx.TensorProto.create({ name, dataType: UINT8, dims: [spec.k, spec.n], rawData }))
  }
  const used = new Set((held.node ?? []).flatMap(({ input }) => input ?? []))
  held.initializer = initializers.filter(({ name }) => used.has(name ?? ''))
  return onnxProto.onnx.ModelProto.encode(model).finish()
}
