import { checkedElements } from './onnxFile.ts'
import {
  axisOf,
  computed,
  constantIntegers,
  constantScalar,
  inputAt,
  integerAttribute,
  listAttribute,
  type OpDefinition,
  onlyAttributes,
  refusal,
} from './opDefinition.ts'
import { allocate, sizeOf, type Value } from './value.ts'

/** Where elements lie, never what they are. The batch's axis is the first, and stays where it is. */

/** Reshape; the target's first size is 0: as many rows as there are. */
export const reshape: OpDefinition = (node, inputs) => {
  onlyAttributes(node, [])
  const input = inputAt(node, inputs, 0)
  const target = constantIntegers(node, inputs, 1)
  if (
    target[0] !== 0 ||
    target.slice(1).some(size => size < 1 && size !== -1) ||
    target.filter(s => s === -1).length > 1
  )
    throw refusal(node, `to [${target}]: the first size must be 0 (the batch), the others known but one`)
  const known = target.slice(1).reduce((product, size) => (size === -1 ? product : product * size), 1)
  const rest = sizeOf(input.dims.slice(1)) / known
  const row = target.slice(1).map(size => (size === -1 ? rest : size))
  if (sizeOf(row) !== sizeOf(input.dims.slice(1)) || !row.every(Number.isInteger))
    throw refusal(node, `[${input.dims}] to [${target}]`)
  checkedElements(row, node.op)
  return {
    type: computed({ ...input, dims: [1, ...row] }),
    run: ([x]) => ({ ...(x as Value), dims: [(x as Value).dims[0] as number, ...row] }),
  }
}

/** Transpose that leaves the batch's axis alone. */
export const transpose: OpDefinition = (node, inputs) => {
  onlyAttributes(node, ['perm'])
  const input = inputAt(node, inputs, 0)
  const perm = listAttribute(node, 'perm')
  const sorted = [...perm].sort((a, b) => a - b)
  if (perm.length !== input.dims.length || perm[0] !== 0 || sorted.some((axis, i) => axis !== i))
    throw refusal(node, `perm [${perm}] of rank ${input.dims.length}`)
  return {
    type: computed({ ...input, dims: perm.map(axis => input.dims[axis] as number) }),
    run: ([x]) => permuted(x as Value, perm),
  }
}

function permuted({ dtype, dims, data }: Value, perm: readonly number[]): Value {
  const to = perm.map(axis => dims[axis] as number)
  const from = dims.map((_, axis) => sizeOf(dims.slice(axis + 1)))
  const strides = perm.map(axis => from[axis] as number)
  const out = allocate(dtype, data.length)
  const place = to.map(() => 0)
  // Last axes that stay where they are move together.
  let moved = perm.length
  while (moved > 0 && perm[moved - 1] === moved - 1) moved--
  const block = sizeOf(dims.slice(moved))
  for (let i = 0, at = 0; i < out.length; i += block) {
    if (block === 1) out[i] = data[at] as number
    else out.set(data.subarray(at, at + block), i)
    for (let axis = moved - 1; axis >= 0; axis--) {
      place[axis] = (place[axis] as number) + 1
      at += strides[axis] as number
      if ((place[axis] as number) < (to[axis] as number)) break
      at -= (strides[axis] as number) * (to[axis] as number)
      place[axis] = 0
    }
  }
  return { dtype, dims: to, data: out }
}

/** Concat along an axis. */
export const concat: OpDefinition = (node, inputs) => {
  onlyAttributes(node, ['axis'])
  const first = inputAt(node, inputs, 0)
  const axis = axisOf(node, integerAttribute(node, 'axis'), first.dims.length)
  for (const input of inputs) {
    const fits =
      input.dims.length === first.dims.length && input.dims.every((dim, i) => i === axis || dim === first.dims[i])
    if (!fits || input.dtype !== first.dtype || input.constant !== null)
      throw refusal(node, `[${input.dims}] does not fit`)
  }
  const dims = first.dims.map((dim, i) =>
    i === axis ? inputs.reduce((sum, input) => sum + (input.dims[i] ?? 0), 0) : dim,
  )
  checkedElements(dims, node.op)
  return {
    type: computed({
      dtype: first.dtype,
      dims,
      lo: Math.min(...inputs.map(input => input.lo)),
      hi: Math.max(...inputs.map(input => input.hi)),
      whole: inputs.every(input => input.whole),
    }),
    run: values => joined(values, axis),
  }
}

function joined(values: readonly Value[], axis: number): Value {
  const [first] = values as [Value]
  const dims = first.dims.map((dim, i) =>
    i === axis ? values.reduce((sum, v) => sum + (v.dims[i] as number), 0) : dim,
  )
  const out = allocate(first.dtype, sizeOf(dims))
  const blocks = values.map(value => sizeOf(value.dims.slice(axis)))
  const outer = sizeOf(dims.slice(0, axis))
  for (let row = 0, at = 0; row < outer; row++) {
    for (const [i, { data }] of values.entries()) {
      const block = blocks[i] as number
      out.set(data.subarray(row * block, (row + 1) * block), at)
      at += block
    }
  }
  return { dtype: first.dtype, dims, data: out }
}

/**
 * Gather: a table looked up by computed indices, each proven to lie in it; or chosen places along an axis of something
 * computed (windows of a convolution, a slice, a column).
 */
export const gather: OpDefinition = (node, inputs) => {
  onlyAttributes(node, ['axis'])
  const data = inputAt(node, inputs, 0)
  const indices = inputAt(node, inputs, 1)
  if (indices.dtype !== 'int32' && indices.dtype !== 'int64') throw refusal(node, `by ${indices.dtype}`)
  const axis = integerAttribute(node, 'axis', 0)
  if (data.constant !== null) {
    const [size] = data.dims
    if (data.dims.length !== 1 || axis !== 0 || indices.constant !== null)
      throw refusal(node, 'needs a table of one axis')
    if (indices.lo < 0 || indices.hi >= (size as number))
      throw refusal(node, `indices from ${indices.lo} to ${indices.hi} of ${size}`)
    const table = data.constant
    return {
      type: computed({ ...data, dims: indices.dims }),
      run: ([, at]) => lookUp(table, at as Value),
    }
  }
  const along = axisOf(node, axis, data.dims.length)
  const size = data.dims[along] as number
  if (indices.constant === null || indices.lo < 0 || indices.hi >= size)
    throw refusal(node, `needs constant indices within ${size}`)
  const chosen = indices.constant
  const dims = [...data.dims.slice(0, along), ...indices.dims, ...data.dims.slice(along + 1)]
  checkedElements(dims, node.op)
  return {
    type: computed({ ...data, dims }),
    run: ([x]) => chosenFrom(x as Value, chosen, along),
  }
}

function lookUp(table: Value, { dims, data }: Value): Value {
  const out = allocate(table.dtype, data.length)
  for (let i = 0; i < data.length; i++) out[i] = table.data[data[i] as number] as number
  return { dtype: table.dtype, dims, data: out }
}

function chosenFrom({ dtype, dims, data }: Value, indices: Value, axis: number): Value {
  const to = [...dims.slice(0, axis), ...indices.dims, ...dims.slice(axis + 1)]
  const out = allocate(dtype, sizeOf(to))
  const block = sizeOf(dims.slice(axis + 1))
  const size = dims[axis] as number
  const outer = sizeOf(dims.slice(0, axis))
  for (let row = 0, at = 0; row < outer; row++) {
    const base = row * size * block
    for (const index of indices.data) {
      const from = base + index * block
      if (block === 1) out[at] = data[from] as number
      else out.set(data.subarray(from, from + block), at)
      at += block
    }
  }
  return { dtype, dims: to, data: out }
}

/** Pad with a constant, on axes other than the batch's. */
export const pad: OpDefinition = (node, inputs) => {
  onlyAttributes(node, [])
  const input = inputAt(node, inputs, 0)
  const pads = constantIntegers(node, inputs, 1)
  const value = constantScalar(node, inputs, 2)
  const rank = input.dims.length
  if (
    inputs[2]?.dtype !== input.dtype ||
    pads.length !== 2 * rank ||
    pads.some(p => p < 0) ||
    pads[0] !== 0 ||
    pads[rank] !== 0
  )
    throw refusal(node, `by [${pads}] with ${value}`)
  const sizes = (dims: readonly number[]) =>
    dims.map((dim, axis) => dim + (pads[axis] as number) + (pads[axis + rank] as number))
  checkedElements(sizes(input.dims), node.op)
  return {
    type: computed({
      ...input,
      dims: sizes(input.dims),
      lo: Math.min(input.lo, value),
      hi: Math.max(input.hi, value),
      whole: input.whole && Number.isInteger(value),
      plainZeros: input.plainZeros === true && !Object.is(value, -0),
    }),
    run: ([x]) => padded(x as Value, sizes((x as Value).dims), pads, value),
  }
}

function padded({ dtype, dims, data }: Value, to: readonly number[], pads: readonly number[], value: number): Value {
  const out = allocate(dtype, sizeOf(to)).fill(value)
  const width = dims.at(-1) ?? 1
  const strides = to.map((_, axis) => sizeOf(to.slice(axis + 1)))
  for (let from = 0; from < data.length; from += width) {
    let at = pads[dims.length - 1] as number
    for (let axis = dims.length - 2, rest = from / width; axis >= 0; axis--) {
      const size = dims[axis] as number
      at += ((rest % size) + (pads[axis] as number)) * (strides[axis] as number)
      rest = Math.floor(rest / size)
    }
    out.set(data.subarray(from, from + width), at)
  }
  return { dtype, dims: to, data: out }
}
