import {
  axisOf,
  computed,
  constantIntegers,
  inputAt,
  integerAttribute,
  listAttribute,
  type OpDefinition,
  onlyAttributes,
  refusal,
} from './opDefinition.ts'
import { allocate, LARGEST, sizeOf, type Value } from './value.ts'

/** ReduceMax of uint8 and ReduceSum of whole numbers, over the last axis. */
export const reduce: OpDefinition = (node, inputs) => {
  const isMax = node.op === 'ReduceMax'
  onlyAttributes(node, isMax ? ['axes', 'keepdims'] : ['keepdims'])
  const { dtype, dims, lo, hi } = inputAt(node, inputs, 0)
  const axes = isMax ? listAttribute(node, 'axes') : constantIntegers(node, inputs, 1)
  const keep = integerAttribute(node, 'keepdims', 1) === 1
  if (axes.length !== 1 || axisOf(node, axes[0] as number, dims.length) !== dims.length - 1)
    throw refusal(node, `over [${axes}]: only the last axis`)
  const width = dims.at(-1) as number
  if (isMax ? dtype !== 'uint8' : dtype !== 'int32' && dtype !== 'int64') throw refusal(node, `of ${dtype}`)
  const times = isMax ? 1 : width
  if ((dtype === 'int32' || dtype === 'int64') && Math.max(Math.abs(lo), Math.abs(hi)) * times > LARGEST[dtype])
    throw refusal(node, `may leave ${dtype}: ${width} values from ${lo} to ${hi}`)
  const without = (shape: readonly number[]) => [...shape.slice(0, -1), ...(keep ? [1] : [])]
  return {
    type: computed({ dtype, dims: without(dims), lo: lo * times, hi: hi * times, whole: true }),
    run: ([x]) => {
      const value = x as Value
      const out = allocate(dtype, sizeOf(value.dims) / width)
      for (let row = 0, at = 0; row < out.length; row++) {
        let result = value.data[at++] as number
        for (let i = 1; i < width; i++, at++) {
          const element = value.data[at] as number
          if (isMax) result = Math.max(result, element)
          else result += element
        }
        out[row] = result
      }
      return { dtype, dims: without(value.dims), data: out }
    },
  }
}
