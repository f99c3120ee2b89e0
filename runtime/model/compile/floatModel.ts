import onnxProto, { type onnx } from 'onnx-proto'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import { scanOnnx } from '../scanOnnx.ts'

/** A constant of a float model. */
export type Constant = { dims: number[]; data: Float32Array | BigInt64Array }

export type FloatNode = {
  op: string
  name: string
  inputs: string[]
  outputs: string[]
  attributes: ReadonlyMap<string, onnx.IAttributeProto>
}

/** A float32 ONNX model as the compiler sees it: nodes in order, constants by name, one input, one output. */
export type FloatModel = {
  nodes: FloatNode[]
  constants: Map<string, Constant>
  input: { name: string; shape: number[] }
  output: { name: string }
  /** The file with every intermediate float32 tensor among its outputs, for calibration. */
  withOutputs(names: readonly string[]): Uint8Array
}

/** The most that a float model may have, so that a hostile file ends early. */
const LIMITS = { file: 2 ** 30, nodes: 20_000, elements: 2 ** 28 }

/** Decodes a float32 model. @throws MODEL_INVALID */
export function decodeFloatModel(file: Uint8Array): FloatModel {
  if (file.length > LIMITS.file) throw invalid(`the file has ${file.length} bytes, the most is ${LIMITS.file}`)
  scanOnnx(file, 'to compile')
  let proto: onnx.ModelProto
  try {
    proto = onnxProto.onnx.ModelProto.decode(file)
  } catch (cause) {
    throw invalid(`is no ONNX file: ${reasonOf(cause)}`, cause)
  }
  const graph = proto.graph
  if (graph === null || graph === undefined) throw invalid('has no graph')
  const foreign = proto.opsetImport.find(set => (set.domain ?? '') !== '' && set.domain !== 'ai.onnx')
  if (foreign !== undefined && graph.node?.some(node => node.domain === foreign.domain))
    throw invalid(`uses operators of ${foreign.domain}, which cannot be compiled; ${KINDS_LEFT}`)
  const nodes = (graph.node ?? []).map(node => ({
    op: node.opType ?? '',
    name: node.name ?? '',
    inputs: [...(node.input ?? [])],
    outputs: [...(node.output ?? [])],
    attributes: new Map((node.attribute ?? []).map(attribute => [attribute.name ?? '', attribute] as const)),
  }))
  if (nodes.length > LIMITS.nodes) throw invalid(`has ${nodes.length} nodes, the most is ${LIMITS.nodes}`)
  const constants = new Map<string, Constant>()
  for (const tensor of graph.initializer ?? []) constants.set(tensor.name ?? '', constantOf(tensor))
  const kept = nodes.filter(node => {
    const value = node.op === 'Constant' ? node.attributes.get('value')?.t : undefined
    if (value === undefined || value === null) return true
    constants.set(node.outputs[0] ?? '', constantOf(value))
    return false
  })
  ordered(
    kept,
    new Set([
      ...constants.keys(),
      ...(graph.input ?? []).map(value => value.name ?? ''),
      // An optional input that is left out.
      '',
    ]),
  )
  const inputs = (graph.input ?? []).filter(value => !constants.has(value.name ?? ''))
  const [input] = inputs
  const [output] = graph.output ?? []
  if (inputs.length !== 1 || input === undefined || graph.output?.length !== 1 || output === undefined)
    throw invalid('needs exactly one input and one output')
  const dims = input.type?.tensorType?.shape?.dim ?? []
  if (input.type?.tensorType?.elemType !== 1) throw invalid(`input ${input.name}: needs float32`)
  const shape = dims.map((dim, i) => (i === 0 ? 1 : Number(dim.dimValue ?? 0)))
  if (shape.length < 2 || shape.slice(1).some(size => !Number.isSafeInteger(size) || size < 1))
    throw invalid(`input ${input.name}: needs a batch axis and known sizes after it`)
  if (dims[0]?.dimParam === undefined && Number(dims[0]?.dimValue ?? 0) !== 1 && !dims[0]?.dimParam)
    throw invalid(`input ${input.name}: its first axis must be the batch (a name, or 1)`)
  return {
    nodes: kept,
    constants,
    input: { name: input.name ?? '', shape },
    output: { name: output.name ?? '' },
    withOutputs(names) {
      const copy = onnxProto.onnx.ModelProto.decode(file)
      if (copy.graph) {
        copy.graph.output = names.map(name => ({ name, type: { tensorType: { elemType: 1 } } }))
        copy.graph.valueInfo = []
      }
      return onnxProto.onnx.ModelProto.encode(copy).finish()
    },
  }
}

/** Nodes must read only what stands before them: anything else is a cycle, or a name that nothing gives. */
function ordered(nodes: readonly FloatNode[], known: Set<string>): void {
  for (const node of nodes) {
    for (const name of node.inputs)
      if (!known.has(name))
        throw invalid(`${node.op} ${node.name} reads ${name}, which nothing before it gives (a cycle?)`)
    for (const name of node.outputs) known.add(name)
  }
}

function constantOf(tensor: onnx.ITensorProto): Constant {
  const name = tensor.name ?? ''
  if ((tensor.externalData?.length ?? 0) > 0 || tensor.dataLocation === 1)
    throw invalid(`${name} lies in another file (external data); save the model with its weights inside`)
  const dims = (tensor.dims ?? []).map(Number)
  const count = dims.reduce((product, dim) => product * dim, 1)
  if (dims.some(dim => !Number.isSafeInteger(dim) || dim < 0) || count > LIMITS.elements)
    throw invalid(`${name} has the shape [${dims}]`)
  const raw = tensor.rawData?.length ? new Uint8Array(tensor.rawData) : null
  const type = tensor.dataType
  const data =
    type === 1
      ? raw === null
        ? Float32Array.from(tensor.floatData ?? [])
        : new Float32Array(raw.buffer, 0, Math.floor(raw.length / 4))
      : type === 7
        ? raw === null
          ? BigInt64Array.from((tensor.int64Data ?? []).map(value => BigInt(value.toString())))
          : new BigInt64Array(raw.buffer, 0, Math.floor(raw.length / 8))
        : null
  if (data === null) throw invalid(`${name} is neither float32 nor int64 (element type ${type})`)
  if (data.length !== count) throw invalid(`${name} has ${data.length} elements, its shape [${dims}] needs ${count}`)
  for (const value of data) {
    if (typeof value === 'number' && !Number.isFinite(value)) throw invalid(`${name} holds ${value}`)
  }
  return { dims, data }
}

/** What remains for a model that cannot be compiled. */
export const KINDS_LEFT = 'for such a model the proof kinds signed and replay remain'

/** The error of a model that cannot be compiled. */
export function invalid(message: string, cause?: unknown): WarrantError {
  return new WarrantError('MODEL_INVALID', `the model ${message}`, { cause })
}
