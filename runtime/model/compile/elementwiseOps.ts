import {
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
import type { Quantised } from './emitter.ts'
import type { FloatNode } from './floatModel.ts'
import { clipBounds } from './linearOps.ts'

const LARGEST = 127

/** Functions of one value: a table of 256 entries each, computed here in double precision. */
const FUNCTIONS: Readonly<Record<string, (node: FloatNode, context: Context) => (x: number) => number>> = {
  Relu: () => x => Math.max(0, x),
  LeakyRelu: node => {
    const slope = floatAttribute(node, 'alpha', 0.01)
    return x => (x < 0 ? slope * x : x)
  },
  Clip: (node, context) => {
    const bounds = clipBounds(context, node)
    if (bounds === null) throw cannot(node, 'bounds that are computed')
    return x => Math.min(Math.max(x, bounds[0]), bounds[1])
  },
  Sigmoid: () => x => 1 / (1 + Math.exp(-x)),
  Tanh: () => Math.tanh,
  Erf: () => erf,
  Gelu: () => x => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  Elu: node => {
    const alpha = floatAttribute(node, 'alpha', 1)
    return x => (x < 0 ? alpha * Math.expm1(x) : x)
  },
  HardSigmoid: node => {
    const [alpha, beta] = [floatAttribute(node, 'alpha', 0.2), floatAttribute(node, 'beta', 0.5)]
    return x => Math.min(Math.max(alpha * x + beta, 0), 1)
  },
  HardSwish: () => x => x * Math.min(Math.max(x / 6 + 0.5, 0), 1),
  Softplus: () => x => Math.log1p(Math.exp(x)),
  Abs: () => Math.abs,
  Neg: () => x => -x,
  Exp: () => Math.exp,
}

/** Operations that `table` compiles. */
export const TABLE_OPS = Object.keys(FUNCTIONS)

/** A function of one value by table. */
export const table: Handler = (node, context) => {
  const x = inputOf(context, node, 0)
  const output = node.outputs[0] as string
  const apply = FUNCTIONS[node.op]?.(node, context) as (x: number) => number
  define(context, node, output, rescaled(context, x, scaleOf(context, node, output), apply))
}

/** The value under another scale, through a function. */
export function rescaled(
  { emitter }: Context,
  x: Quantised,
  scale: number,
  apply = (value: number) => value,
): Quantised {
  const entries = Uint8Array.from({ length: 256 }, (_, u) => {
    const whole = Math.round(apply((u - 128) * x.scale) / scale)
    return 128 + Math.min(Math.max(whole, -LARGEST), LARGEST)
  })
  const name = emitter.emit('Gather', [emitter.constant('uint8', entries, [256]), emitter.cast(x.name, 'int32')])
  return { name, dims: x.dims, scale }
}

/** Add and Sub: of two computed values, or of one and a constant; in whole numbers of a finer unit. */
export const add: Handler = (node, context) => {
  const { emitter } = context
  const output = node.outputs[0] as string
  const scale = scaleOf(context, node, output)
  const { dims } = observedOf(context, node, output)
  const sides = node.inputs.map((_, at) =>
    constantOf(context, node, at) === null ? inputOf(context, node, at) : floatsOf(context, node, at),
  )
  // 2^bits units to one of the result: every sum stays below 2^24, so that its float32 is exact.
  const ratio = Math.max(...sides.map(side => ('scale' in side ? side.scale / scale : 1)))
  const bits = Math.max(0, Math.min(14, 15 - Math.ceil(Math.log2(Math.max(ratio, 1)))))
  const unit = scale / 2 ** bits
  const terms = sides.map((side, at) => {
    const sign = node.op === 'Sub' && at === 1 ? -1 : 1
    if ('scale' in side) {
      const factor = Math.round((sign * side.scale) / unit)
      return emitter.emit('Mul', [emitter.centred(side.name), emitter.int32([factor])])
    }
    return emitter.int32(
      Array.from(side.data, value => clamp(Math.round((sign * value) / unit), 2 ** 23)),
      side.dims,
    )
  })
  // A constant stands second: it has no batch of its own.
  const [first, second] = 'scale' in (sides[0] as object) ? terms : [...terms].reverse()
  const sum = emitter.emit('Add', [first as string, second as string])
  define(context, node, output, { name: emitter.requantise(sum, [2 ** -bits]), dims, scale })
}

/** Mul and Div: of two computed values, or of one and a constant. */
export const multiply: Handler = (node, context) => {
  const { emitter } = context
  const output = node.outputs[0] as string
  const scale = scaleOf(context, node, output)
  const { dims } = observedOf(context, node, output)
  const at = constantOf(context, node, 0) === null ? 0 : 1
  const x = inputOf(context, node, at)
  if (constantOf(context, node, 1 - at) === null) {
    const y = inputOf(context, node, 1)
    if (node.op === 'Div') throw cannot(node, 'by something computed')
    const product = emitter.emit('Mul', [emitter.centred(x.name), emitter.centred(y.name)])
    define(context, node, output, { name: emitter.requantise(product, [(x.scale * y.scale) / scale]), dims, scale })
    return
  }
  if (node.op === 'Div' && at === 1) throw cannot(node, 'by something computed')
  const { data, dims: shape } = floatsOf(context, node, 1 - at)
  const factors = Array.from(data, value => (node.op === 'Div' ? 1 / value : value) * (x.scale / scale))
  if (factors.length === 1) {
    define(
      context,
      node,
      output,
      rescaled(context, x, scale, value => value * ((factors[0] as number) / (x.scale / scale))),
    )
    return
  }
  const float = emitter.cast(emitter.centred(x.name), 'float32')
  const safe = factors.map(factor => (Math.fround(factor) === 0 ? 1e-30 : factor))
  define(context, node, output, {
    name: emitter.toUint8(emitter.emit('Mul', [float, emitter.float(safe, shape)])),
    dims,
    scale,
  })
}

function clamp(value: number, most: number): number {
  return Math.min(Math.max(value, -most), most)
}

/** The error function (Abramowitz and Stegun 7.1.26; 1.5e-7, far below a table's step). */
function erf(x: number): number {
  const t = 1 / (1 + 0.3275911 * Math.abs(x))
  const series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
  return Math.sign(x) * (1 - series * Math.exp(-x * x))
}
