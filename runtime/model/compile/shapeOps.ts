import {
  attributeOf,
  type Context,
  cannot,
  constantOf,
  define,
  type Handler,
  inputOf,
  integersOf,
  listOf,
  observedOf,
} from './context.ts'
import { rescaled } from './elementwiseOps.ts'
import type { FloatNode } from './floatModel.ts'
import { range } from './linearOps.ts'
import { windows } from './windows.ts'

/** Reshape, Flatten, Squeeze, Unsqueeze: other sizes behind the batch's axis. */
export const reshape: Handler = (node, context) => {
  const x = inputOf(context, node, 0)
  const output = node.outputs[0] as string
  const { dims } = observedOf(context, node, output)
  if (dims[0] !== 1) throw cannot(node, `to [${dims}]: the first axis must stay the batch's`)
  define(context, node, output, { ...x, name: context.emitter.reshape(x.name, dims), dims })
}

/** Identity, Dropout: the same value. */
export const same: Handler = (node, context) =>
  define(context, node, node.outputs[0] as string, inputOf(context, node, 0))

/** Transpose behind the batch's axis. */
export const transpose: Handler = (node, context) => {
  const x = inputOf(context, node, 0)
  const perm = listOf(
    node,
    'perm',
    x.dims.map((_, i) => x.dims.length - 1 - i),
  )
  if (perm[0] !== 0) throw cannot(node, `perm [${perm}] moves the batch's axis`)
  const dims = perm.map(axis => x.dims[axis] as number)
  define(context, node, node.outputs[0] as string, {
    ...x,
    name: context.emitter.emit('Transpose', [x.name], { perm }),
    dims,
  })
}

/** Concat: all parts under one scale. */
export const concat: Handler = (node, context) => {
  const parts = node.inputs.map((_, at) => inputOf(context, node, at))
  const output = node.outputs[0] as string
  const { dims } = observedOf(context, node, output)
  const axis = behindBatch(node, attributeOf(node, 'axis', 0), dims.length)
  const scale = Math.max(...parts.map(part => part.scale))
  const names = parts.map(part => (part.scale === scale ? part : rescaled(context, part, scale)).name)
  define(context, node, output, { name: context.emitter.emit('Concat', names, { axis }), dims, scale })
}

/** Slice with constant bounds: the places that remain on each axis. */
export const slice: Handler = (node, context) => {
  const x = inputOf(context, node, 0)
  const starts = integersOf(context, node, 1, 'starts')
  const ends = integersOf(context, node, 2, 'ends')
  if (starts === null || ends === null) throw cannot(node, 'bounds that are computed')
  const axes = integersOf(context, node, 3, 'axes') ?? range(0, starts.length)
  const steps = integersOf(context, node, 4) ?? starts.map(() => 1)
  let { name } = x
  const dims = [...x.dims]
  for (const [i, given] of axes.entries()) {
    const axis = behindBatch(node, given, dims.length)
    const size = dims[axis] as number
    const step = steps[i] as number
    const bound = (value: number) =>
      Math.min(Math.max(value < 0 ? value + size : value, step < 0 ? -1 : 0), step < 0 ? size - 1 : size)
    const places: number[] = []
    for (
      let at = bound(starts[i] as number);
      step > 0 ? at < bound(ends[i] as number) : at > bound(ends[i] as number);
      at += step
    )
      places.push(at)
    if (step === 0 || places.length === 0) throw cannot(node, `nothing is left of axis ${axis}`)
    name = context.emitter.emit('Gather', [name, context.emitter.int64(places)], { axis })
    dims[axis] = places.length
  }
  define(context, node, node.outputs[0] as string, { ...x, name, dims })
}

/** Gather with constant indices. */
export const gather: Handler = (node, context) => {
  const x = inputOf(context, node, 0)
  const constant = constantOf(context, node, 1)
  if (!(constant?.data instanceof BigInt64Array)) throw cannot(node, 'by indices that are computed')
  const axis = behindBatch(node, attributeOf(node, 'axis', 0), x.dims.length)
  const size = x.dims[axis] as number
  const indices = Array.from(constant.data, index => (index < 0n ? Number(index) + size : Number(index)))
  const dims = [...x.dims.slice(0, axis), ...constant.dims, ...x.dims.slice(axis + 1)]
  const name = context.emitter.emit('Gather', [x.name, context.emitter.int64(indices, constant.dims)], { axis })
  define(context, node, node.outputs[0] as string, { ...x, name, dims })
}

/** MaxPool. */
export const maxPool: Handler = (node, context) => {
  const { emitter } = context
  const x = inputOf(context, node, 0)
  const kernel = listOf(node, 'kernel_shape', [])
  const ones = kernel.map(() => 1)
  // Outside is less than anything inside.
  const taken = windows(context, node, x, {
    kernel,
    strides: listOf(node, 'strides', ones),
    dilations: listOf(node, 'dilations', ones),
    padding: 0,
  })
  const dims = [1, x.dims[1] as number, ...taken.sizes]
  const most = emitter.emit('ReduceMax', [taken.name], { axes: [3], keepdims: 0 })
  define(context, node, node.outputs[0] as string, { ...x, name: emitter.reshape(most, dims), dims })
}

/** AveragePool, GlobalAveragePool, and ReduceMean over the last axes: whole sums, divided once. */
export const averagePool: Handler = (node, context) => {
  const x = inputOf(context, node, 0)
  const isGlobal = node.op === 'GlobalAveragePool'
  const kernel = isGlobal ? x.dims.slice(2) : listOf(node, 'kernel_shape', [])
  const ones = kernel.map(() => 1)
  const counted = attributeOf(node, 'count_include_pad', 0) === 1
  if (!counted && listOf(node, 'pads', []).some(pad => pad > 0)) throw cannot(node, 'with padding that does not count')
  const taken = windows(context, node, x, {
    kernel,
    strides: listOf(node, 'strides', ones),
    dilations: listOf(node, 'dilations', ones),
    padding: 128,
  })
  mean(
    context,
    node,
    { ...x, name: taken.name },
    kernel.reduce((a, b) => a * b, 1),
    [1, x.dims[1] as number, ...taken.sizes],
  )
}

/** ReduceMean over one axis. */
export const reduceMean: Handler = (node, context) => {
  const x = inputOf(context, node, 0)
  const [given, ...others] = integersOf(context, node, 1, 'axes') ?? []
  if (given === undefined || others.length > 0) throw cannot(node, 'needs one axis')
  const axis = behindBatch(node, given, x.dims.length)
  const last = x.dims.length - 1
  const perm = [...range(0, x.dims.length).filter(i => i !== axis), axis]
  const name = axis === last ? x.name : context.emitter.emit('Transpose', [x.name], { perm })
  mean(context, node, { ...x, name }, x.dims[axis] as number, observedOf(context, node, node.outputs[0] as string).dims)
}

/** The mean over the last axis, `size` long. */
function mean(
  context: Context,
  node: FloatNode,
  x: { name: string; scale: number },
  size: number,
  dims: number[],
): void {
  const { emitter } = context
  const output = node.outputs[0] as string
  const scale = x.scale
  const sum = emitter.emit('ReduceSum', [emitter.centred(x.name), emitter.int64([-1])], { keepdims: 0 })
  define(context, node, output, { name: emitter.reshape(emitter.requantise(sum, [1 / size]), dims), dims, scale })
}

/** An axis counted from the front, not the batch's. */
export function behindBatch(node: FloatNode, axis: number, rank: number): number {
  const counted = axis < 0 ? axis + rank : axis
  if (counted < 1 || counted >= rank)
    throw cannot(node, `axis ${axis} of rank ${rank}: the first axis must stay the batch's`)
  return counted
}
