import onnxProto, { type onnx } from 'onnx-proto'
import type { IntGraph } from '#verifier/model/intGraph.ts'

const { INT64 } = onnxProto.onnx.TensorProto.DataType

/**
 * The file with every table looked up by GatherElements in place of Gather: the same elements, which onnxruntime copies
 * ten times as fast one by one (4–7 ns for each here, 30–90 by Gather, which is made for rows).
 */
export function lowerTables(file: Uint8Array, graph: IntGraph): Uint8Array {
  const model = onnxProto.onnx.ModelProto.decode(file)
  const held = model.graph
  if (!held) return file
  const initializers = [...(held.initializer ?? [])]
  const tables = new Map(initializers.filter(({ dims }) => dims?.length === 1).map(tensor => [tensor.name, tensor]))
  const dimsOf = new Map(graph.steps.map(({ name, output }) => [name, graph.values[output]?.dims ?? []]))
  const nodes: onnx.INodeProto[] = []

  const list = (name: string, values: readonly number[]) => {
    const rawData = new Uint8Array(BigInt64Array.from(values.map(BigInt)).buffer)
    initializers.push(onnxProto.onnx.TensorProto.create({ name, dataType: INT64, dims: [values.length], rawData }))
    return name
  }
  for (const node of held.node ?? []) {
    const [table = '', indices = ''] = node.input ?? []
    const [output = ''] = node.output ?? []
    const known = tables.get(table)
    const dims = dimsOf.get(output)
    if (node.opType !== 'Gather' || known === undefined || dims === undefined || dimsOf.get(indices) === undefined) {
      nodes.push(node)
      continue
    }
    const row = `table of ${output}`
    initializers.push(onnxProto.onnx.TensorProto.create({ ...known, name: row, dims: [1, ...(known.dims ?? [])] }))
    const emit = (opType: string, input: string[], to: string) =>
      nodes.push(
        onnxProto.onnx.NodeProto.create({
          opType,
          name: `${opType} ${to}`,
          input,
          output: [to],
          attribute: opType === 'Reshape' ? [] : [{ name: 'axis', type: 2, i: 1 }],
        }),
      )
    emit('Reshape', [indices, list(`flat of ${output}`, [1, -1])], `indices of ${output}`)
    emit('GatherElements', [row, `indices of ${output}`], `elements of ${output}`)
    emit('Reshape', [`elements of ${output}`, list(`shape of ${output}`, [-1, ...dims.slice(1)])], output)
  }
  held.node = nodes.map(node => onnxProto.onnx.NodeProto.create(node))
  held.initializer = initializers
  return onnxProto.onnx.ModelProto.encode(model).finish()
}
