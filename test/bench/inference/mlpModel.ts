import onnxProto, { type onnx } from 'onnx-proto'

/** An MLP with ReLU between its layers, float32, any batch, as an ONNX file. Its weights are no one's: it is only run. */
export function mlpModel(layers: readonly { k: number; n: number }[]): Uint8Array {
  const { FLOAT } = onnxProto.onnx.TensorProto.DataType
  const node: onnx.INodeProto[] = []
  const initializer: onnx.ITensorProto[] = []
  let value = 'x'
  for (const [i, { k, n }] of layers.entries()) {
    const last = i === layers.length - 1
    // Spread so that values keep their size from layer to layer.
    const weights = Float32Array.from(
      { length: k * n },
      (_, j) => ((((j * 2_654_435_761) >>> 7) % 1_024) / 512 - 1) * Math.sqrt(6 / k),
    )
    initializer.push({ name: `w${i}`, dataType: FLOAT, dims: [k, n], rawData: new Uint8Array(weights.buffer) })
    node.push({ opType: 'MatMul', input: [value, `w${i}`], output: [last ? 'y' : `z${i}`] })
    if (!last) node.push({ opType: 'Relu', input: [`z${i}`], output: [`a${i}`] })
    value = `a${i}`
  }
  const tensor = (name: string, width: number): onnx.IValueInfoProto => ({
    name,
    type: { tensorType: { elemType: FLOAT, shape: { dim: [{ dimParam: 'batch' }, { dimValue: width }] } } },
  })
  const model = onnxProto.onnx.ModelProto.create({
    irVersion: 8,
    opsetImport: [{ domain: '', version: 17 }],
    graph: {
      name: 'mlp',
      node,
      initializer,
      input: [tensor('x', layers[0]?.k ?? 0)],
      output: [tensor('y', layers.at(-1)?.n ?? 0)],
    },
  })
  return onnxProto.onnx.ModelProto.encode(model).finish()
}
