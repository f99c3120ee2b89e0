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

type Operator = 'Add' | 'Sub' | 'Mul' | 'Div'

const OPERATORS: Readonly<Record<Operator, (a: number, b: number) => number>> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Div: (a, b) => a / b,
}

/**
 * `a[i] ∘ b[i mod b.length]` for every i. A loop for each operator, and in it few kinds of arrays: one loop for all of them
 * would be compiled for none, and take ten times as long. A typed array rounds what is stored into it.
 */
const LOOPS: Readonly<Record<Operator, (a: Elements, b: Elements, out: Elements) => void>> = {
  Add(a, b, out) {
    const period = b.length
    for (let i = 0, j = 0; i < out.length; i++) {
      out[i] = (a[i] as number) + (b[j] as number)
      if (++j === period) j = 0
    }
  },
  Sub(a, b, out) {
    const period = b.length
    for (let i = 0, j = 0; i < out.length; i++) {
      out[i] = (a[i] as number) - (b[j] as number)
      if (++j === period) j = 0
    }
  },
  Mul(a, b, out) {
    const period = b.length
    for (let i = 0, j = 0; i < out.length; i++) {
      out[i] = (a[i] as number) * (b[j] as number)
      if (++j === period) j = 0
    }
  },
  Div(a, b, out) {
    const period = b.length
    for (let i = 0, j = 0; i < out.length; i++) {
      out[i] = (a[i] as number) / (b[j] as number)
      if (++j === period) j = 0
    }
  },
}

/** Add, Sub, Mul of whole numbers; Add, Mul, Div of floating point. */
export const binary: OpDefinition = (node, inputs) => {
  onlyAttributes(node, [])
  const a = inputAt(node, inputs, 0)
  const b = inputAt(node, inputs, 1)
  const { dtype } = a
  const op = node.op as Operator
  const operate = OPERATORS[op]
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
  // (1 ÷ x) · y is made y ÷ x by optimisers, which rounds once where this rounds twice.
  if (node.op === 'Div' && a.constant !== null) throw refusal(node, 'of a constant')
  // x + 0 is left away by optimisers, which keeps a −0 that this makes +0.
  if (
    dtype === 'float32' &&
    node.op === 'Add' &&
    [
      [a, b],
      [b, a],
    ].some(([x, y]) => addsZero(x as ValueType, y as ValueType))
  )
    throw refusal(node, 'adds a constant zero to what may be −0')
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
  if (corners.some(Number.isNaN)) throw refusal(node, 'infinities meet: the result may be no number')
  const rounded = dtype === 'float32' ? corners.map(Math.fround) : corners
  const isSquare = node.op === 'Mul' && node.inputs[0] === node.inputs[1]
  const [lo, hi] = [isSquare ? 0 : Math.min(...rounded), Math.max(...rounded)]
  if (dtype !== 'float32' && Math.max(Math.abs(lo), Math.abs(hi)) > LARGEST[dtype])
    throw refusal(node, `may leave ${dtype}: from ${lo} to ${hi}`)
  const whole = dtype !== 'float32' || (node.op !== 'Div' && a.whole && b.whole)
  return {
    type: computed({ dtype, dims, lo, hi, whole }),
    run: ([x, y]) => combine(x as Value, y as Value, op),
  }
}

function addsZero(to: ValueType, { constant }: ValueType): boolean {
  return constant !== null && to.plainZeros !== true && constant.data.some(element => element === 0)
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
  const isRoot = node.op === 'Sqrt'
  const apply = isRoot ? Math.sqrt : roundHalfEven
  return {
    // A root is rounded to float32, which may lie above the root of the range's end.
    type: computed({ dtype, dims, lo: Math.fround(apply(lo)), hi: Math.fround(apply(hi)), whole: !isRoot }),
    run: ([x]) => filled(x as Value, dtype, isRoot ? takeRoots : round),
  }
}

/** Clip between two constants. */
export const clip: OpDefinition = (node, inputs) => {
  onlyAttributes(node, [])
  const { dtype, dims, lo, hi, whole, plainZeros } = inputAt(node, inputs, 0)
  const least = constantScalar(node, inputs, 1)
  const most = constantScalar(node, inputs, 2)
  if (dtype !== 'float32' || inputs[1]?.dtype !== dtype || inputs[2]?.dtype !== dtype || least > most)
    throw refusal(node, `of ${dtype} between ${least} and ${most}`)
  // Kernels differ in which of two zeros is the larger.
  const isZeroBound = (bound: number) =>
    Object.is(bound, -0) || (bound === 0 && plainZeros !== true && lo <= 0 && hi >= 0)
  if (isZeroBound(least) || isZeroBound(most)) throw refusal(node, 'a bound is zero where the value may be −0')
  const apply = (x: number) => Math.min(Math.max(x, least), most)
  return {
    type: computed({
      dtype,
      dims,
      lo: apply(lo),
      hi: apply(hi),
      whole: whole && Number.isInteger(least) && Number.isInteger(most),
      ...(plainZeros === true ? { plainZeros } : {}),
    }),
    run: ([x]) => filled(x as Value, dtype, (from, out) => clamp(from, out, least, most)),
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
      plainZeros: true,
    }),
    run: ([x]) => filled(x as Value, to, (from, out) => out.set(from)),
  }
}

function filled({ dims, data }: Value, dtype: OnnxType, fill: (from: Elements, out: Elements) => void): Value {
  const out = allocate(dtype, data.length)
  fill(data, out)
  return { dtype, dims, data: out }
}

function takeRoots(from: Elements, out: Elements): void {
  for (let i = 0; i < out.length; i++) out[i] = Math.sqrt(from[i] as number)
}

function round(from: Elements, out: Elements): void {
  for (let i = 0; i < out.length; i++) out[i] = roundHalfEven(from[i] as number)
}

function clamp(from: Elements, out: Elements, least: number, most: number): void {
  for (let i = 0; i < out.length; i++) out[i] = Math.min(Math.max(from[i] as number, least), most)
}

function combine(a: Value, b: Value, op: Operator): Value {
  const dims = broadcast(null, a.dims, b.dims)
  const out = allocate(a.dtype, sizeOf(dims))
  LOOPS[op](
    a.data.length === out.length ? a.data : spread(a, dims),
    // The usual case: a vector along the last axes, repeated.
    b.data.length > 0 && isSuffix(b.dims, dims) ? b.data : spread(b, dims),
    out,
  )
  return { dtype: a.dtype, dims, data: out }
}

/** Whether a shape, ones in front left away, is the end of another. */
function isSuffix(dims: readonly number[], of: readonly number[]): boolean {
  const first = dims.findIndex(dim => dim !== 1)
  const trimmed = first < 0 ? [] : dims.slice(first)
  return trimmed.every((dim, i) => dim === of[of.length - trimmed.length + i])
}

/** A value's elements as a larger shape repeats them. */
function spread({ dtype, dims, data }: Value, to: readonly number[]): Elements {
  const out = allocate(dtype, sizeOf(to))
  const width = to.at(-1) ?? 1
  const strides: number[] = []
  let step = 1
  for (let axis = to.length - 1; axis >= 0; axis--) {
    const own = dims[axis - (to.length - dims.length)] ?? 1
    strides[axis] = own === 1 ? 0 : step
    step *= own
  }
  for (let row = 0; row < out.length; row += width) {
    let at = 0
    for (let axis = to.length - 2, rest = row / width; axis >= 0; axis--) {
      const size = to[axis] as number
      at += (rest % size) * (strides[axis] as number)
      rest = Math.floor(rest / size)
    }
    if (strides.at(-1) === 0) out.fill(data[at] as number, row, row + width)
    else out.set(data.subarray(at, at + width), row)
  }
  return out
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
