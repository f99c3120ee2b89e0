import type { Emitter, Quantised } from './emitter.ts'
import type { Constant, FloatModel, FloatNode } from './floatModel.ts'
import { invalid, KINDS_LEFT } from './floatModel.ts'

/** What calibration found of a tensor: its shape for a batch of one, and the largest absolute value. */
export type Observed = { dims: number[]; largest: number }

/** A compilation under way. */
export type Context = {
  model: FloatModel
  emitter: Emitter
  observed: ReadonlyMap<string, Observed>
  /** Largest weight that is emitted: 63 never saturates any kernel, 127 is more exact. */
  largestWeight: number
  values: Map<string, Quantised>
  /** Nodes that an earlier one took with it. */
  taken: Set<FloatNode>
  /** The graph's result, once there is one. */
  result: { name: string; shape: number[] } | null
}

export type Handler = (node: FloatNode, context: Context) => void

/** The largest value of int8 that is used; −128 is not, so that ranges are symmetric. */
export const LARGEST = 127

/** The quantised value of an input. @throws MODEL_INVALID when it is a constant or unknown */
export function inputOf({ values }: Context, node: FloatNode, at: number): Quantised {
  const value = values.get(node.inputs[at] ?? '')
  if (value === undefined)
    throw cannot(node, `input ${at} (${node.inputs[at] ?? 'none'}) is not computed from the input`)
  return value
}

/** A constant input, or null. */
export function constantOf({ model }: Context, node: FloatNode, at: number): Constant | null {
  return model.constants.get(node.inputs[at] ?? '') ?? null
}

/** The float32 numbers of a constant input. @throws MODEL_INVALID */
export function floatsOf(context: Context, node: FloatNode, at: number): { dims: number[]; data: Float32Array } {
  const constant = constantOf(context, node, at)
  if (!(constant?.data instanceof Float32Array)) throw cannot(node, `input ${at} must be constant float32`)
  return { dims: constant.dims, data: constant.data }
}

/** The whole numbers of a constant input, or of an attribute of the same name (older operator sets). */
export function integersOf(context: Context, node: FloatNode, at: number, attribute = ''): number[] | null {
  const constant = constantOf(context, node, at)
  if (constant?.data instanceof BigInt64Array) return Array.from(constant.data, Number)
  const ints = node.attributes.get(attribute)?.ints
  return ints === undefined || ints === null || ints.length === 0 ? null : ints.map(Number)
}

/** An integer attribute. */
export function attributeOf(node: FloatNode, name: string, otherwise: number): number {
  const attribute = node.attributes.get(name)
  return attribute === undefined ? otherwise : Number(attribute.i ?? 0)
}

/** A float attribute. */
export function floatAttribute(node: FloatNode, name: string, otherwise: number): number {
  const attribute = node.attributes.get(name)
  return attribute === undefined ? otherwise : Number(attribute.f ?? 0)
}

/** A list attribute. */
export function listOf(node: FloatNode, name: string, otherwise: number[]): number[] {
  const ints = node.attributes.get(name)?.ints
  return ints === undefined || ints === null || ints.length === 0 ? otherwise : ints.map(Number)
}

/** The only node that reads a tensor, unless the tensor is the model's output. */
export function soleReader({ model }: Context, name: string): FloatNode | null {
  if (name === model.output.name) return null
  const readers = model.nodes.filter(node => node.inputs.includes(name))
  return readers.length === 1 ? (readers[0] as FloatNode) : null
}

/** What calibration saw of a tensor. @throws MODEL_INVALID */
export function observedOf({ observed }: Context, node: FloatNode, name: string): Observed {
  const seen = observed.get(name)
  if (seen === undefined) throw cannot(node, `nothing is known of ${name}`)
  return seen
}

/** The scale that a tensor gets. */
export function scaleOf(context: Context, node: FloatNode, name: string): number {
  return (observedOf(context, node, name).largest || 1) / LARGEST
}

/** Names a computed value, and scales it back to float32 where it is the model's output. */
export function define(context: Context, node: FloatNode, output: string, value: Quantised): void {
  const { dims } = observedOf(context, node, output)
  if (dims[0] !== 1 || dims.join() !== value.dims.join())
    throw cannot(node, `gives [${dims}] where [${value.dims}] was expected: the first axis must stay the batch's`)
  context.values.set(output, value)
  if (output !== context.model.output.name) return
  const { emitter } = context
  const centred = emitter.cast(emitter.centred(value.name), 'float32')
  emitter.emit('Mul', [centred, emitter.float([value.scale])], {}, output)
  context.result = { name: output, shape: dims }
}

/** The error of a node that cannot be compiled. */
export function cannot(node: FloatNode, why: string): Error {
  return invalid(`cannot be compiled: ${node.op} ${node.name || node.outputs[0] || ''}: ${why}; ${KINDS_LEFT}`)
}
