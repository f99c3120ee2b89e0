import { checkedElements, type OnnxNode, type OnnxType } from './onnxFile.ts'
import {
  computed,
  constantScalar,
  inputAt,
  integerAttribute,
  type OpDefinition,
  onlyAttributes,
  refusal,
} from './opDefinition.ts'
import { allocate, type Elements, LARGEST, sizeOf, type Value, type ValueType } from './value.ts'

/**
 * Element by element. Whole numbers never leave their type's range, which is proven from the ranges of the inputs.
 * Floating point is one IEEE 754 binary32 operation at a time, rounded to nearest even: it has one result everywhere.
 * Computing in doubles and rounding once gives the same: 53 ≥ 2·24 + 2 bits (S. Figueroa, 1995).
 */

const FLOAT_TYPE = 1
const CAST_TYPES: Readonly<Record<number, Exclude<OnnxType, 'int8'>>> = {
  [FLOAT_TYPE]: 'float32',
  2: 'uint8',
  6: 'int32',
  7: 'int64',
}

/** Half to even, as ONNX Round has it. */
export function roundHalfEven(x: number): number {
  const nearest = Math.round(x)
  return nearest - x === 0.5 && nearest % 2 !== 0 ? nearest - 1 : nearest
}

const OPERATORS = {
  Add: (a: number, b: number) => a + b,
  Sub: (a: number, b: number) => a - b,
  Mul: (a: number, b: number) => a * b,
  Div: (a: number, b: number) => a / b,
}

/** Add, Sub, Mul of whole numbers; Add, Mul, Div of floating point. */
export const binary: OpDefinition = (node, inputs) => {
  onlyAttributes(node, [])
  const a = inputAt(node, inputs, 0)
  const b = inputAt(node, inputs, 1)
  const { dtype } = a
  const operate = OPERATORS[node.op as keyof typeof OPERATORS]
  if (inputs.length !== 2 || b.dtype !== dtype) throw refusal(node, `of ${a.dtype} and ${b.dtype}`)
  if (dtype === 'int32' || dtype === 'int64') {
    if (node.op === 'Div') throw refusal(node, `of ${dtype}`)
  } else if (dtype !== 'float32' || node.op === 'Sub') throw refusal(node, `of ${dtype}`)
  const dims = broadcast(node, a.dims, b.dims)
  for (const side of [a, b]) {
    // The batch's axis is the first of everything that is computed, and meets nothing but itself.
    const alone = side.constant === null ? side.dims.length === dims.length : side.dims.length < dims.length
    if (!alone && side.dims[0] !== 1) throw refusal(node, `[${a.dims}] and [${b.dims}] mix the rows of a batch`)
    if (side.constant === null && side.dims.length !== dims.length)
      throw refusal(node, `[${a.dims}] and [${b.dims}] differ in rank`)
  }
  // With infinities or a division by zero there could be a NaN, whose bits are nobody's promise.
  if (node.op === 'Div' && b.lo <= 0) throw refusal(node, 'the divisor may be zero')
  if (
    dtype === 'float32' &&
    node.op !== 'Mul' &&
    ![a.lo, a.hi, b.lo, b.hi].every(Number.isFinite) &&
    b.constant === null
  )
    throw refusal(node, 'an operand may be infinite')
  if (dtype === 'float32' && node.op === 'Mul' && !isNonZeroConstant(b))
    throw refusal(node, 'needs a constant factor without zeros')
  const corners = [operate(a.lo, b.lo), operate(a.lo, b.hi), operate(a.hi, b.lo), operate(a.hi, b.hi)]
  const rounded = dtype === 'float32' ? corners.map(Math.fround) : corners
  const isSquare = node.op === 'Mul' && node.inputs[0] === node.inputs[1]
  const [lo, hi] = [isSquare ? 0 : Math.min(...rounded), Math.max(...rounded)]
  if (dtype !== 'float32' && Math.max(Math.abs(lo), Math.abs(hi)) > LARGEST[dtype])
    throw refusal(node, `may leave ${dtype}: from ${lo} to ${hi}`)
  const whole = dtype !== 'float32' || (node.op !== 'Div' && a.whole && b.whole)
  return {
    type: computed({ dtype, dims, lo, hi, whole }),
    run: ([x, y]) => combine(x as Value, y as Value, operate),
  }
}

function isNonZeroConstant({ constant, lo, hi }: ValueType): boolean {
  return constant !== null && (lo > 0 || hi < 0 || !constant.data.some(element => element === 0))
}

/** Round, Sqrt: one value in, one out. */
export const unary: OpDefinition = (node, inputs) => {
  onlyAttributes(node, [])
  const { dtype, dims, lo, hi } = inputAt(node, inputs, 0)
  if (inputs.length !== 1 || dtype !== 'float32') throw refusal(node, `of ${dtype}`)
  if (node.op === 'Sqrt' && !(lo >= 0 && Number.isFinite(hi))) throw refusal(node, `of values from ${lo} to ${hi}`)
  const apply = node.op === 'Sqrt' ? Math.sqrt : roundHalfEven
  return {
    type: computed({ dtype, dims, lo: apply(lo), hi: apply(hi), whole: node.op === 'Round' }),
    run: ([x]) => map(x as Value, dtype, apply),
  }
}

/** Clip between two constants. */
export const clip: OpDefinition = (node, inputs) => {
  onlyAttributes(node, [])
  const { dtype, dims, lo, hi, whole } = inputAt(node, inputs, 0)
  const least = constantScalar(node, inputs, 1)
  const most = constantScalar(node, inputs, 2)
  if (dtype !== 'float32' || inputs[1]?.dtype !== dtype || inputs[2]?.dtype !== dtype || least > most)
    throw refusal(node, `of ${dtype} between ${least} and ${most}`)
  const apply = (x: number) => Math.min(Math.max(x, least), most)
  return {
    type: computed({
      dtype,
      dims,
      lo: apply(lo),
      hi: apply(hi),
      whole: whole && Number.isInteger(least) && Number.isInteger(most),
    }),
    run: ([x]) => map(x as Value, dtype, apply),
  }
}

/** Cast where nothing is lost, or where the loss is one rounding (whole numbers to float32). */
export const cast: OpDefinition = (node, inputs) => {
  onlyAttributes(node, ['to'])
  const { dtype, dims, lo, hi, whole } = inputAt(node, inputs, 0)
  const to = CAST_TYPES[integerAttribute(node, 'to')]
  if (inputs.length !== 1 || to === undefined) throw refusal(node, `to type ${integerAttribute(node, 'to')}`)
  if (to !== 'float32') {
    const [least, most] = to === 'uint8' ? [0, 255] : [-LARGEST[to], LARGEST[to]]
    if (!whole || lo < least || hi > most) throw refusal(node, `${dtype} from ${lo} to ${hi} does not fit ${to}`)
  } else if (dtype === 'float32') throw refusal(node, 'to its own type')
  return {
    type: computed({
      dtype: to,
      dims,
      lo: to === 'float32' ? Math.fround(lo) : lo,
      hi: to === 'float32' ? Math.fround(hi) : hi,
      whole,
    }),
    run: ([x]) => map(x as Value, to, value => value),
  }
}

/** A typed array rounds what is stored into it: Float32Array once, to nearest even. */
function map({ dims, data }: Value, dtype: OnnxType, apply: (x: number) => number): Value {
  const out = allocate(dtype, data.length)
  for (let i = 0; i < data.length; i++) out[i] = apply(data[i] as number)
  return { dtype, dims, data: out }
}

function combine(a: Value, b: Value, operate: (a: number, b: number) => number): Value {
  const dims = broadcast(null, a.dims, b.dims)
  const count = sizeOf(dims)
  const out = allocate(a.dtype, count)
  if (a.data.length === count && b.data.length > 0 && isSuffix(b.dims, dims)) {
    // The usual case: a vector along the last axes, repeated.
    const period = b.data.length
    for (let i = 0, j = 0; i < count; i++, j = j + 1 === period ? 0 : j + 1)
      out[i] = operate(a.data[i] as number, b.data[j] as number)
  } else {
    const left = spread(a, dims)
    const right = spread(b, dims)
    for (let i = 0; i < count; i++) out[i] = operate(left(i), right(i))
  }
  return { dtype: a.dtype, dims, data: out }
}

/** Whether a shape, ones in front left away, is the end of another. */
function isSuffix(dims: readonly number[], of: readonly number[]): boolean {
  const first = dims.findIndex(dim => dim !== 1)
  const trimmed = first < 0 ? [] : dims.slice(first)
  return trimmed.every((dim, i) => dim === of[of.length - trimmed.length + i])
}

/** An element of a value by its place in a larger shape. */
function spread(
  { dims, data }: { dims: readonly number[]; data: Elements },
  to: readonly number[],
): (i: number) => number {
  const strides: number[] = []
  let step = 1
  for (let axis = to.length - 1; axis >= 0; axis--) {
    const own = dims[axis - (to.length - dims.length)] ?? 1
    strides[axis] = own === 1 ? 0 : step
    step *= own
  }
  return i => {
    let at = 0
    for (let axis = to.length - 1, rest = i; axis >= 0; axis--) {
      const size = to[axis] as number
      at += (rest % size) * (strides[axis] as number)
      rest = Math.floor(rest / size)
    }
    return data[at] as number
  }
}

function broadcast(node: OnnxNode | null, a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length)
  const dims = Array.from({ length: rank }, (_, i) => {
    const [x, y] = [a[i - (rank - a.length)] ?? 1, b[i - (rank - b.length)] ?? 1]
    if (x !== y && x !== 1 && y !== 1 && node !== null) throw refusal(node, `[${a}] and [${b}] do not fit`)
    return x === 1 ? y : x
  })
  if (node !== null) checkedElements(dims, node.op)
  return dims
}
