import onnxProto, { type onnx } from 'onnx-proto'
import type { Network } from './network.ts'

const FLOAT = 1

/** The network as an ONNX file (opset 17): Gemm and Relu, float32, input `features` [1, n], output `forecast` [1, 1]. */
export function onnxFile({ sizes, weights, biases }: Network): Uint8Array {
  const nodes: onnx.INodeProto[] = []
  const initializer: onnx.ITensorProto[] = []
  const last = weights.length - 1
  for (const [l, weight] of weights.entries()) {
    const shape = [sizes[l] as number, sizes[l + 1] as number]
    initializer.push({ name: `w${l}`, dataType: FLOAT, dims: shape, rawData: float32Bytes(weight) })
    initializer.push({
      name: `b${l}`,
      dataType: FLOAT,
      dims: [shape[1] as number],
      rawData: float32Bytes(biases[l] as Float64Array),
    })
    const from = l === 0 ? 'features' : `a${l - 1}`
    nodes.push({
      opType: 'Gemm',
      name: `gemm${l}`,
      input: [from, `w${l}`, `b${l}`],
      output: [l === last ? 'forecast' : `y${l}`],
    })
    if (l !== last) nodes.push({ opType: 'Relu', name: `relu${l}`, input: [`y${l}`], output: [`a${l}`] })
  }
  const model = onnxProto.onnx.ModelProto.create({
    irVersion: 8,
    producerName: 'warrant',
    opsetImport: [{ domain: '', version: 17 }],
    graph: {
      name: 'trend',
      node: nodes,
      initializer,
      input: [value('features', [1, sizes[0] as number])],
      output: [value('forecast', [1, 1])],
    },
  })
  return onnxProto.onnx.ModelProto.encode(model).finish()
}

function value(name: string, shape: number[]): onnx.IValueInfoProto {
  return { name, type: { tensorType: { elemType: FLOAT, shape: { dim: shape.map(dimValue => ({ dimValue })) } } } }
}

function float32Bytes(values: Float64Array): Uint8Array {
  const bytes = new Uint8Array(values.length * 4)
  const view = new DataView(bytes.buffer)
  values.forEach((v, i) => {
    view.setFloat32(4 * i, v, true)
  })
  return bytes
}
