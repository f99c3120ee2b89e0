import { invalid, type OnnxNode } from './onnxFile.ts'
import type { Value, ValueType } from './value.ts'

/** An operation of a graph, ready to run: what it gives is known beforehand, and it never fails. */
export type PreparedOp = { type: ValueType; run(inputs: readonly Value[]): Value }

/** Checks a node against what its operation can do exactly. @throws MODEL_INVALID */
export type OpDefinition = (node: OnnxNode, inputs: readonly ValueType[]) => PreparedOp

/** The type of something that is computed. */
export function computed(type: Omit<ValueType, 'constant'>): ValueType {
  return { ...type, constant: null }
}

/** The input at a place. @throws MODEL_INVALID when there is none */
export function inputAt(node: OnnxNode, inputs: readonly ValueType[], at: number): ValueType {
  const input = inputs[at]
  if (input === undefined) throw refusal(node, `has no input ${at}`)
  return input
}

/** Refuses a node with other attributes than those named: an attribute that is not looked at could change the result. */
export function onlyAttributes(node: OnnxNode, names: readonly string[]): void {
  for (const name of node.attributes.keys()) {
    if (!names.includes(name)) throw refusal(node, `attribute ${name} is not part of int-exact-v1`)
  }
}

/** An integer attribute. @throws MODEL_INVALID */
export function integerAttribute(node: OnnxNode, name: string, otherwise?: number): number {
  const value = node.attributes.get(name) ?? otherwise
  if (typeof value !== 'number') throw refusal(node, `attribute ${name} must be an integer`)
  return value
}

/** A list attribute. @throws MODEL_INVALID */
export function listAttribute(node: OnnxNode, name: string): readonly number[] {
  const value = node.attributes.get(name)
  if (value === undefined || typeof value === 'number') throw refusal(node, `attribute ${name} must be a list`)
  return value
}

/** The whole numbers of a constant input. @throws MODEL_INVALID when it is computed */
export function constantIntegers(node: OnnxNode, inputs: readonly ValueType[], at: number): number[] {
  const { constant, dtype } = inputAt(node, inputs, at)
  if (constant === null || dtype !== 'int64') throw refusal(node, `input ${at} must be constant int64`)
  return Array.from(constant.data)
}

/** The single number of a constant input. @throws MODEL_INVALID */
export function constantScalar(node: OnnxNode, inputs: readonly ValueType[], at: number): number {
  const { constant } = inputAt(node, inputs, at)
  const [value] = constant?.data ?? []
  if (constant === null || constant.data.length !== 1 || value === undefined)
    throw refusal(node, `input ${at} must be one constant number`)
  return value
}

/** An axis other than the batch's, counted from the front. @throws MODEL_INVALID */
export function axisOf(node: OnnxNode, axis: number, rank: number): number {
  const counted = axis < 0 ? axis + rank : axis
  if (!Number.isInteger(counted) || counted < 1 || counted >= rank)
    throw refusal(node, `axis ${axis} of rank ${rank}: the batch's axis stays alone`)
  return counted
}

/** The error of a node. */
export function refusal(node: OnnxNode, message: string): Error {
  return invalid(`${node.op} ${node.name || node.outputs[0] || ''}: ${message}`)
}
