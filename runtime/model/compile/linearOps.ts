import {
  attributeOf,
  type Context,
  cannot,
  constantOf,
  define,
  floatAttribute,
  floatsOf,
  type Handler,
  inputOf,
  listOf,
  observedOf,
  scaleOf,
  soleReader,
} from './context.ts'
import type { Quantised } from './emitter.ts'
import type { FloatNode } from './floatModel.ts'
import { windowsOf } from './windows.ts'

/** Weights of a linear op, k × n in rows, and its bias. */
type Weights = { k: number; n: number; data: Float32Array; bias: Float32Array }

/** int8 weights with a scale for each column. */
function quantiseWeights({ k, n, data }: Weights, largest: number): { weights: Int8Array; scales: number[] } {
  const weights = new Int8Array(k * n)
  const scales = Array.from({ length: n }, (_, column) => {
    let most = 0
    for (let row = 0; row < k; row++) most = Math.max(most, Math.abs(data[row * n + column] as number))
    const scale = (most || 1) / largest
    for (let row = 0; row < k; row++) weights[row * n + column] = Math.round((data[row * n + column] as number) / scale)
    return scale
  })
  return { weights, scales }
}

/** The nodes right behind a linear op that become part of it: a bias, a normalisation, a rectifier. */
function takeFollowers(
  context: Context,
  output: string,
  weights: Weights,
): { output: string; node: FloatNode | null; least: number; most: number } {
  let end = output
  let last: FloatNode | null = null
  for (let next = soleReader(context, end); next !== null; next = soleReader(context, end)) {
    if (next.op === 'Add' && addBias(context, next, end, weights)) {
      // Taken.
    } else if (next.op === 'BatchNormalization') foldNormalisation(context, next, weights)
    else if (next.op === 'Relu' || (next.op === 'Clip' && clipBounds(context, next)?.[0] === 0)) {
      const most = next.op === 'Relu' ? Number.POSITIVE_INFINITY : (clipBounds(context, next)?.[1] as number)
      context.taken.add(next)
      return { output: next.outputs[0] as string, node: next, least: 0, most }
    } else break
    context.taken.add(next)
    last = next
    end = next.outputs[0] as string
  }
  return { output: end, node: last, least: Number.NEGATIVE_INFINITY, most: Number.POSITIVE_INFINITY }
}

function addBias(context: Context, node: FloatNode, from: string, weights: Weights): boolean {
  const at = node.inputs[0] === from ? 1 : 0
  const constant = constantOf(context, node, at)
  if (!(constant?.data instanceof Float32Array)) return false
  const { data } = constant
  if (data.length !== 1 && (data.length !== weights.n || constant.dims.at(-1) !== weights.n)) return false
  weights.bias = weights.bias.map((value, i) => value + (data[data.length === 1 ? 0 : i] as number))
  return true
}

function foldNormalisation(context: Context, node: FloatNode, weights: Weights): void {
  const [scale, shift, mean, variance] = [1, 2, 3, 4].map(at => floatsOf(context, node, at).data) as Float32Array[]
  const epsilon = floatAttribute(node, 'epsilon', 1e-5)
  const factor = Array.from(
    { length: weights.n },
    (_, c) => (scale?.[c] ?? 1) / Math.sqrt((variance?.[c] ?? 1) + epsilon),
  )
  weights.data = weights.data.map((value, i) => value * (factor[i % weights.n] as number))
  weights.bias = weights.bias.map((value, c) => (value - (mean?.[c] ?? 0)) * (factor[c] as number) + (shift?.[c] ?? 0))
}

/** The bounds of a Clip. */
export function clipBounds(context: Context, node: FloatNode): [number, number] | null {
  const bound = (at: number, otherwise: number) => {
    if ((node.inputs[at] ?? '') === '') return otherwise
    const constant = constantOf(context, node, at)
    return constant?.data instanceof Float32Array ? (constant.data[0] ?? otherwise) : null
  }
  const [least, most] = [bound(1, Number.NEGATIVE_INFINITY), bound(2, Number.POSITIVE_INFINITY)]
  return least === null || most === null ? null : [least, most]
}

/**
 * Accumulators → the next value: a bias in whole numbers, then a factor for each channel. Where they are the model's
 * output, they become float32 without being narrowed first. `place` puts the channels back where the op has them.
 */
function finish(
  context: Context,
  node: FloatNode,
  accumulators: string,
  {
    scales,
    bias,
    followers,
    dims,
    place,
  }: {
    scales: number[]
    bias: Float32Array
    followers: ReturnType<typeof takeFollowers>
    dims: number[]
    place: (name: string) => string
  },
): void {
  const { emitter } = context
  const whole = Array.from(bias, (value, c) => Math.round(value / (scales[c % scales.length] as number)))
  if (whole.some(value => Math.abs(value) > 2 ** 29)) throw cannot(node, 'a bias is too large beside the weights')
  const biased = whole.every(value => value === 0)
    ? accumulators
    : emitter.emit('Add', [accumulators, emitter.int32(whole, [whole.length])])
  const { output, least, most } = followers
  if (output === context.model.output.name && least !== 0) {
    const factors = emitter.float(scales, scales.length === 1 ? [] : [scales.length])
    const placed = place(biased)
    if (placed !== biased && scales.length > 1) throw cannot(node, 'a convolution cannot be the output; flatten it')
    emitter.emit('Mul', [emitter.cast(placed, 'float32'), factors], {}, output)
    context.result = { name: output, shape: dims }
    return
  }
  const scale = Math.min(scaleOf(context, node, output), most / 127)
  const value: Quantised = {
    name: place(
      emitter.requantise(
        biased,
        scales.map(s => s / scale),
        least === 0 ? 128 : 1,
      ),
    ),
    dims,
    scale,
  }
  define(context, followers.node ?? node, output, value)
}

function product(context: Context, node: FloatNode, x: Quantised, weights: Weights): void {
  const followers = takeFollowers(context, node.outputs[0] as string, weights)
  const { weights: whole, scales } = quantiseWeights(weights, context.largestWeight)
  const accumulators = context.emitter.linear(x.name, whole, weights.k, weights.n)
  const { dims } = observedOf(context, node, node.outputs[0] as string)
  finish(context, node, accumulators, {
    scales: scales.map(s => s * x.scale),
    bias: weights.bias,
    followers,
    dims,
    place: name => name,
  })
}

/** Gemm with constant weights. */
export const gemm: Handler = (node, context) => {
  const x = inputOf(context, node, 0)
  const { dims, data } = floatsOf(context, node, 1)
  const [rows = 0, columns = 0] = dims
  const isTransposed = attributeOf(node, 'transB', 0) === 1
  if (attributeOf(node, 'transA', 0) !== 0 || dims.length !== 2)
    throw cannot(node, 'transA, or weights of another rank')
  const [k, n] = isTransposed ? [columns, rows] : [rows, columns]
  const [alpha, beta] = [floatAttribute(node, 'alpha', 1), floatAttribute(node, 'beta', 1)]
  const weights = new Float32Array(k * n)
  for (let i = 0; i < k; i++)
    for (let j = 0; j < n; j++) weights[i * n + j] = alpha * (data[isTransposed ? j * k + i : i * n + j] as number)
  const given = (node.inputs[2] ?? '') === '' ? null : floatsOf(context, node, 2).data
  if (given !== null && given.length !== n && given.length !== 1)
    throw cannot(node, `a bias of ${given.length} for ${n} columns`)
  const bias = Float32Array.from({ length: n }, (_, j) =>
    given === null ? 0 : beta * (given[given.length === 1 ? 0 : j] as number),
  )
  product(context, node, x, { k, n, data: weights, bias })
}

/** MatMul with constant weights, or of two computed values. */
export const matMul: Handler = (node, context) => {
  const x = inputOf(context, node, 0)
  const constant = constantOf(context, node, 1)
  if (constant !== null) {
    const { dims, data } = floatsOf(context, node, 1)
    const [k = 0, n = 0] = dims
    if (dims.length !== 2) throw cannot(node, `weights of rank ${dims.length}`)
    product(context, node, x, { k, n, data, bias: new Float32Array(n) })
    return
  }
  const y = inputOf(context, node, 1)
  const output = node.outputs[0] as string
  if (x.dims.length !== y.dims.length || x.dims.length < 3) throw cannot(node, `of [${x.dims}] and [${y.dims}]`)
  const accumulators = context.emitter.product(x.name, y.name)
  const { dims } = observedOf(context, node, output)
  const followers = { output, node: null, least: Number.NEGATIVE_INFINITY, most: Number.POSITIVE_INFINITY }
  finish(context, node, accumulators, {
    scales: [x.scale * y.scale],
    bias: new Float32Array(1),
    followers,
    dims,
    place: name => name,
  })
}

/** Conv of one or two spatial axes: its windows side by side, times the weights. */
export const conv: Handler = (node, context) => {
  const { emitter } = context
  const x = inputOf(context, node, 0)
  const { dims, data } = floatsOf(context, node, 1)
  const [outputs = 0, perGroup = 0, ...kernel] = dims
  const groups = attributeOf(node, 'group', 1)
  const channels = x.dims[1] as number
  if (kernel.length !== x.dims.length - 2 || perGroup * groups !== channels || outputs % groups !== 0)
    throw cannot(node, `weights [${dims}] in ${groups} groups on [${x.dims}]`)
  const size = kernel.reduce((a, b) => a * b, 1)
  const given = (node.inputs[2] ?? '') === '' ? null : floatsOf(context, node, 2).data
  const k = perGroup * size
  // One matrix with all outputs side by side; each group's columns see its own channels.
  const weights: Weights = {
    k,
    n: outputs,
    data: Float32Array.from({ length: k * outputs }, (_, i) => {
      // A window's element by element, all channels of each together: they lie side by side when they are taken.
      const [output, row] = [i % outputs, Math.floor(i / outputs)]
      return data[output * k + (row % perGroup) * size + Math.floor(row / perGroup)] as number
    }),
    bias: Float32Array.from({ length: outputs }, (_, c) => given?.[c] ?? 0),
  }
  const followers = takeFollowers(context, node.outputs[0] as string, weights)
  const { weights: whole, scales } = quantiseWeights(weights, context.largestWeight)
  const { flat, indices, places } = windowsOf(context, node, x, {
    kernel,
    strides: listOf(
      node,
      'strides',
      kernel.map(() => 1),
    ),
    dilations: listOf(
      node,
      'dilations',
      kernel.map(() => 1),
    ),
    padding: 128,
  })
  const each = outputs / groups
  const parts = Array.from({ length: groups }, (_, group) => {
    const own =
      groups === 1
        ? flat
        : emitter.emit('Gather', [flat, emitter.int64(range(group * perGroup, perGroup))], { axis: 1 })
    // [batch, channels, places] → [batch, places, channels] → [batch, windows, kernel, channels]: whole rows are copied.
    const chosen = emitter.int64(indices, [places, indices.length / places])
    const taken = emitter.emit('Gather', [emitter.emit('Transpose', [own], { perm: [0, 2, 1] }), chosen], { axis: 1 })
    const rows = emitter.reshape(taken, [1, places, k])
    const columns = new Int8Array(k * each)
    for (let row = 0; row < k; row++)
      for (let c = 0; c < each; c++) columns[row * each + c] = whole[row * outputs + group * each + c] as number
    return emitter.linear(rows, columns, k, each)
  })
  const accumulators = parts.length === 1 ? (parts[0] as string) : emitter.emit('Concat', parts, { axis: 2 })
  const { dims: to } = observedOf(context, node, node.outputs[0] as string)
  finish(context, node, accumulators, {
    scales: scales.map(s => s * x.scale),
    bias: weights.bias,
    followers,
    dims: to,
    place: name => emitter.reshape(emitter.emit('Transpose', [name], { perm: [0, 2, 1] }), to),
  })
}

/** `count` numbers from `first`. */
export function range(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first + i)
}
