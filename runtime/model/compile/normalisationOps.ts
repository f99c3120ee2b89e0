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
  observedOf,
  scaleOf,
} from './context.ts'
import type { FloatNode } from './floatModel.ts'

/** Steps between two whole results: what is added after a factor is exact to 1/256. */
const FINER = 256

/** Softmax over the last axis: exponentials by table, divided once by their whole sum. */
export const softmax: Handler = (node, context) => {
  const { emitter } = context
  const x = inputOf(context, node, 0)
  const axis = attributeOf(node, 'axis', -1)
  const last = x.dims.length - 1
  if (axis !== -1 && axis !== last) throw cannot(node, `axis ${axis}: only the last`)
  const width = x.dims[last] as number
  // Sums stay below 2^24, so that they are exact in float32.
  const unit = 2 ** Math.min(15, 23 - Math.ceil(Math.log2(width)))
  const exponentials = Array.from({ length: 256 }, (_, below) => Math.round(unit * Math.exp(-below * x.scale)))
  const whole = emitter.cast(x.name, 'int32')
  const most = emitter.cast(emitter.emit('ReduceMax', [x.name], { axes: [last], keepdims: 1 }), 'int32')
  const below = emitter.emit('Clip', [
    emitter.cast(emitter.emit('Sub', [most, whole]), 'float32'),
    emitter.float([0]),
    emitter.float([255]),
  ])
  // One at least, so that a sum is never zero.
  const table = emitter.int32(
    exponentials.map(value => Math.max(1, value)),
    [256],
  )
  const powers = emitter.emit('Gather', [table, emitter.cast(below, 'int32')])
  const sum = emitter.emit('ReduceSum', [powers, emitter.int64([-1])], { keepdims: 1 })
  const share = emitter.emit('Div', [emitter.cast(powers, 'float32'), emitter.cast(sum, 'float32')])
  const scale = scaleOf(context, node, node.outputs[0] as string)
  const name = emitter.toUint8(emitter.emit('Mul', [share, emitter.float([1 / scale])]))
  define(context, node, node.outputs[0] as string, { name, dims: x.dims, scale })
}

/**
 * LayerNormalization over the last axis: with N elements of sum S, d = N·x − S and V = Σd² are whole; the result is
 * d / √(V / N + ε′) by one square root and one division, times γ, plus β.
 */
export const layerNormalization: Handler = (node, context) => {
  const { emitter } = context
  const x = inputOf(context, node, 0)
  const last = x.dims.length - 1
  const axis = attributeOf(node, 'axis', -1)
  if (axis !== -1 && axis !== last) throw cannot(node, `axis ${axis}: only the last`)
  const size = x.dims[last] as number
  const { data: gamma } = floatsOf(context, node, 1)
  const beta = (node.inputs[2] ?? '') === '' ? new Float32Array(size) : floatsOf(context, node, 2).data
  const centred = emitter.centred(x.name)
  const sum = emitter.emit('ReduceSum', [centred, emitter.int64([-1])], { keepdims: 1 })
  const apart = emitter.emit('Sub', [emitter.emit('Mul', [centred, emitter.int32([size])]), sum])
  const wide = emitter.cast(apart, 'int64')
  const squares = emitter.emit('ReduceSum', [emitter.emit('Mul', [wide, wide]), emitter.int64([-1])], { keepdims: 1 })
  // ε in the units of V: (N·x)² summed over N. At least one, so that no root is zero.
  const epsilon = Math.max(1, Math.round((floatAttribute(node, 'epsilon', 1e-5) * size ** 3) / x.scale ** 2))
  const safe = emitter.emit('Add', [squares, emitter.int64([Math.min(epsilon, 2 ** 50)], [])])
  const root = emitter.emit('Sqrt', [emitter.cast(safe, 'float32')])
  const direction = emitter.emit('Div', [emitter.cast(apart, 'float32'), root])
  // d / √V is the normalised value over √N.
  affine(
    context,
    node,
    direction,
    Array.from(gamma, value => value * Math.sqrt(size)),
    beta,
    x.dims,
  )
}

/** BatchNormalization that follows no linear op: a factor and a shift for each channel. */
export const batchNormalization: Handler = (node, context) => {
  const { emitter } = context
  const x = inputOf(context, node, 0)
  const [gamma, beta, mean, variance] = [1, 2, 3, 4].map(at => floatsOf(context, node, at).data) as Float32Array[]
  if (constantOf(context, node, 1) === null) throw cannot(node, 'needs constant statistics')
  const epsilon = floatAttribute(node, 'epsilon', 1e-5)
  const factors = Array.from(gamma as Float32Array, (value, c) => value / Math.sqrt((variance?.[c] ?? 1) + epsilon))
  const shifts = Float32Array.from(factors, (factor, c) => (beta?.[c] ?? 0) - (mean?.[c] ?? 0) * factor)
  const shape = [factors.length, ...x.dims.slice(2).map(() => 1)]
  affine(
    context,
    node,
    emitter.cast(emitter.centred(x.name), 'float32'),
    factors.map(factor => factor * x.scale),
    shifts,
    x.dims,
    shape,
  )
}

/** float · factor + shift, for each channel: the product rounded to 1/256 of a step, the sum whole. */
function affine(
  context: Context,
  node: FloatNode,
  float: string,
  factors: readonly number[],
  shifts: Float32Array,
  dims: number[],
  shape: readonly number[] = [factors.length],
): void {
  const { emitter } = context
  const output = node.outputs[0] as string
  observedOf(context, node, output)
  const scale = scaleOf(context, node, output)
  const finer = factors.map(factor => (Math.fround((factor / scale) * FINER) === 0 ? 1e-30 : (factor / scale) * FINER))
  const product = emitter.emit('Round', [emitter.emit('Mul', [float, emitter.float(finer, shape)])])
  const bounded = emitter.emit('Clip', [product, emitter.float([-(2 ** 22)]), emitter.float([2 ** 22])])
  const whole = Array.from(shifts, value =>
    Math.min(Math.max(Math.round((value / scale) * FINER), -(2 ** 22)), 2 ** 22),
  )
  const sum = emitter.emit('Add', [emitter.cast(bounded, 'int32'), emitter.int32(whole, shape)])
  define(context, node, output, { name: emitter.requantise(sum, [1 / FINER]), dims, scale })
}
