import onnxProto from 'onnx-proto'
import { multiply } from '#verifier/model/linear.ts'
import { type Multiplier, multiplyDirectly } from '#verifier/model/runGraph.ts'

const { INT8 } = onnxProto.onnx.TensorProto.DataType
const saturate = (sum: number) => Math.min(Math.max(sum, -(2 ** 15)), 2 ** 15 - 1)

/**
 * Products as onnxruntime's (uint8, int8) kernels on x86 without VNNI give them (VPMADDUBSW): inputs as they are stored,
 * two products along K added in 16 bits and cut off, the pairs added in 32; then the zero point's share is taken away.
 */
export const multiplySaturating: Multiplier = call => {
  const { spec, matrices, m, x } = call
  const { k, n, weights } = spec
  // Two computed factors are (uint8, uint8), whose kernels add in 32 bits.
  if (weights === null) return multiplyDirectly(call)
  const rows = m * matrices
  const shift = multiply(new Int8Array(rows * k).fill(-128), weights, { m: rows, k, n })
  const y = new Int32Array(rows * n)
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < n; column++) {
      const product = (at: number) =>
        at < k ? ((x[row * k + at] as number) + 128) * (weights[at * n + column] as number) : 0
      let sum = 0
      for (let at = 0; at < k; at += 2) sum += saturate(product(at) + product(at + 1))
      y[row * n + column] = sum + (shift[row * n + column] as number)
    }
  return y
}

/** The same for a file as a worker hands it to onnxruntime: ops whose weights it holds as uint8 come out whole. */
export function multiplierOf(file: Uint8Array): Multiplier {
  const { graph } = onnxProto.onnx.ModelProto.decode(file)
  const bytes = new Set(graph?.initializer?.filter(({ dataType }) => dataType === INT8).map(({ name }) => name))
  const saturating = new Set(
    graph?.node
      ?.filter(({ opType, input }) => opType === 'MatMulInteger' && bytes.has(input?.[1] ?? ''))
      .map(({ output }) => output?.[0]),
  )
  return call => (saturating.has(call.spec.output) ? multiplySaturating(call) : multiplyDirectly(call))
}
