import onnxProto, { type onnx } from 'onnx-proto'
import type { IntGraph } from '#verifier/model/intGraph.ts'
import { ZERO_POINT } from '#verifier/model/linear.ts'

const { FLOAT, INT32, INT64 } = onnxProto.onnx.TensorProto.DataType

/** Whole numbers up to which float32 is exact. */
const EXACT = 2 ** 24

/** The largest int8, as a factor. */
const MOST = 128

/**
 * The file with every linear op as float32 matrix products over whole numbers, for devices whose kernels have no (uint8, int8) product: CUDA,
 * WebGPU. Sums of at most 2^24 are exact in float32 whatever their order, and int8 factors are exact in TF32 too; longer
 * ones are cut into pieces that are added as int32. So the bits are the same; a worker proves that on its device at start.
 */
export function lowerLinear(file: Uint8Array, graph: IntGraph): Uint8Array {
  const model = onnxProto.onnx.ModelProto.decode(file)
  const held = model.graph
  if (!held) return file
  const linear = new Map(graph.linear.map(spec => [spec.output, spec]))
  const nodes: onnx.INodeProto[] = []
  const initializers: onnx.ITensorProto[] = [...(held.initializer ?? [])]
  let names = 0

  const constant = (dataType: number, dims: number[], values: Float32Array | BigInt64Array) => {
    const name = `lowered c${names++}`
    const rawData = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
    initializers.push({ name, dataType, dims, rawData })
    return name
  }
  const emit = (opType: string, input: string[], to?: number, output = `lowered v${names++}`) => {
    const attribute = to === undefined ? [] : [{ name: 'to', type: 2, i: to }]
    nodes.push({ opType, name: `${opType} ${output}`, input, output: [output], attribute })
    return output
  }
  const zero = constant(FLOAT, [], Float32Array.of(ZERO_POINT))
  const centred = (name: string) => emit('Sub', [emit('Cast', [name], FLOAT), zero])
  const list = (...values: number[]) => constant(INT64, [values.length], BigInt64Array.from(values.map(BigInt)))

  for (const node of held.node ?? []) {
    const spec = linear.get(node.output?.[0] ?? '')
    if (node.opType !== 'MatMulInteger' || spec === undefined) {
      nodes.push(node)
      continue
    }
    const [left, right] = node.input as [string, string]
    const { k, n, weights, output } = spec
    const x = centred(left)
    const w = weights === null ? centred(right) : null
    const step = Math.floor(EXACT / (MOST * MOST))
    const pieces: string[] = []
    for (let from = 0; from < k; from += step) {
      const to = Math.min(from + step, k)
      const isWhole = from === 0 && to === k
      const slice = (name: string, axis: number) =>
        isWhole ? name : emit('Slice', [name, list(from), list(to), list(axis)])
      const factor =
        weights === null
          ? slice(w as string, -2)
          : constant(FLOAT, [to - from, n], Float32Array.from(weights.subarray(from * n, to * n)))
      const product = emit('MatMul', [slice(x, -1), factor])
      pieces.push(emit('Cast', [product], INT32, isWhole ? output : undefined))
    }
    pieces.reduce((sum, piece, i) => emit('Add', [sum, piece], undefined, i === pieces.length - 1 ? output : undefined))
  }
  held.node = nodes.map(node => onnxProto.onnx.NodeProto.create(node))
  const used = new Set(nodes.flatMap(({ input }) => input ?? []))
  held.initializer = initializers
    .filter(({ name }) => used.has(name ?? ''))
    .map(tensor => onnxProto.onnx.TensorProto.create(tensor))
  return onnxProto.onnx.ModelProto.encode(model).finish()
}
