import { type IntGraph, readIntGraph } from '#verifier/model/intGraph.ts'
import { multiplyDirectly, runGraph } from '#verifier/model/runGraph.ts'
import { calibrate, type Samples } from './calibrate.ts'
import { type Context, cannot, type Handler } from './context.ts'
import { add, multiply, TABLE_OPS, table } from './elementwiseOps.ts'
import { createEmitter } from './emitter.ts'
import { decodeFloatModel, invalid } from './floatModel.ts'
import { conv, gemm, matMul } from './linearOps.ts'
import { batchNormalization, layerNormalization, softmax } from './normalisationOps.ts'
import { averagePool, concat, gather, maxPool, reduceMean, reshape, same, slice, transpose } from './shapeOps.ts'

const HANDLERS: Readonly<Record<string, Handler>> = {
  Gemm: gemm,
  MatMul: matMul,
  Conv: conv,
  Add: add,
  Sub: add,
  Mul: multiply,
  Div: multiply,
  Concat: concat,
  Reshape: reshape,
  Flatten: reshape,
  Squeeze: reshape,
  Unsqueeze: reshape,
  Identity: same,
  Dropout: same,
  Transpose: transpose,
  Slice: slice,
  Gather: gather,
  MaxPool: maxPool,
  AveragePool: averagePool,
  GlobalAveragePool: averagePool,
  ReduceMean: reduceMean,
  Softmax: softmax,
  LayerNormalization: layerNormalization,
  BatchNormalization: batchNormalization,
  ...Object.fromEntries(TABLE_OPS.map(op => [op, table] as const)),
}

/** Operations of a float model that can be compiled. */
export const COMPILED_OPS: readonly string[] = Object.keys(HANDLERS).sort()

/** How far the exact-integer model is from the float one, over the calibration data: root mean square of the difference ÷ of the value. */
export type Loss = { tensor: string; op: string; loss: number }

export type Compiled = {
  file: Uint8Array
  graph: IntGraph
  layers: Loss[]
  loss: number
  samples: number
}

/**
 * Compiles a float32 ONNX model to exact integers (`int-exact-v1`), with ranges from `samples`, and measures what is lost.
 * `weightBits`: 7 never saturates any kernel's 16-bit sums; 8 is more exact, and slower on processors without VNNI.
 *
 * @throws MODEL_INVALID naming an op that cannot be compiled, BAD_DATA for samples of another shape
 */
export async function compileModel(source: Uint8Array, samples: Samples, weightBits: 7 | 8 = 7): Promise<Compiled> {
  const model = decodeFloatModel(source)
  for (const node of model.nodes) {
    if (HANDLERS[node.op] === undefined)
      throw cannot({ ...node }, `no such operation is compiled (${COMPILED_OPS.join(', ')})`)
  }
  const names = [...new Set(model.nodes.map(node => node.outputs[0] as string))]
  const { observed, tensors } = await calibrate(model, names, samples)
  const emitter = createEmitter(model.input)
  const context: Context = {
    model,
    emitter,
    observed,
    largestWeight: weightBits === 7 ? 63 : 127,
    values: new Map(),
    taken: new Set(),
    result: null,
  }
  const scale = (observed.get(model.input.name)?.largest || 1) / 127
  const quantised = emitter.toUint8(emitter.emit('Mul', [model.input.name, emitter.float([1 / scale])]))
  context.values.set(model.input.name, { name: quantised, dims: model.input.shape, scale })
  for (const node of model.nodes) {
    if (!context.taken.has(node)) HANDLERS[node.op]?.(node, context)
  }
  if (context.result === null) throw invalid(`its output ${model.output.name} is given by no operation`)
  const file = emitter.finish(context.result)
  const graph = readIntGraph(file)
  return { file, graph, ...measure(graph, context, tensors), samples: tensors.rows }
}

type Tensors = Awaited<ReturnType<typeof calibrate>>['tensors']

/** Runs the exact-integer graph beside the float one, tensor by tensor. */
function measure(graph: IntGraph, { values, model }: Context, tensors: Tensors): { layers: Loss[]; loss: number } {
  const byOutput = new Map([...values].map(([tensor, value]) => [value.name, { tensor, scale: value.scale }]))
  const layers: Loss[] = []
  const ops = new Map(model.nodes.map(node => [node.outputs[0] as string, node.op]))
  const output = runGraph(
    graph,
    { shape: [tensors.rows, ...graph.input.shape.slice(1)], data: tensors.of(model.input.name) },
    {
      multiply: multiplyDirectly,
      onValue(step, { data }) {
        const known = byOutput.get(graph.steps[step]?.name ?? '')
        if (known === undefined || !ops.has(known.tensor)) return
        const expected = tensors.of(known.tensor)
        layers.push({
          tensor: known.tensor,
          op: ops.get(known.tensor) ?? '',
          loss: difference(expected, i => ((data[i] as number) - 128) * known.scale),
        })
      },
    },
  )
  const expected = tensors.of(model.output.name)
  return { layers, loss: difference(expected, i => output[i] as number) }
}

function difference(expected: Float32Array, actual: (i: number) => number): number {
  let apart = 0
  let size = 0
  for (let i = 0; i < expected.length; i++) {
    const value = expected[i] as number
    apart += (value - actual(i)) ** 2
    size += value ** 2
  }
  return size === 0 ? Math.sqrt(apart / Math.max(1, expected.length)) : Math.sqrt(apart / size)
}
