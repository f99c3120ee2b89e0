import { type Context, cannot, listOf } from './context.ts'
import type { Quantised } from './emitter.ts'
import type { FloatNode } from './floatModel.ts'

export type WindowParameters = { kernel: number[]; strides: number[]; dilations: number[]; padding: number }

/** A padded input whose places stand in one axis, and which of them each window sees. */
export type Windows = {
  /** [batch, channels, places]. */
  flat: string
  /** Windows in row-major order of the result, each with its kernel's elements. */
  indices: number[]
  /** Windows, and the result's spatial sizes. */
  places: number
  sizes: number[]
}

/** The windows that a kernel sees, not taken yet. `padding`: the element that stands outside. */
export function windowsOf(
  { emitter }: Context,
  node: FloatNode,
  x: Quantised,
  { kernel, strides, dilations, padding }: WindowParameters,
): Windows {
  const [, channels = 0, ...spatial] = x.dims
  const automatic = String.fromCharCode(...(node.attributes.get('auto_pad')?.s ?? []))
  if (automatic !== '' && automatic !== 'NOTSET' && automatic !== 'VALID')
    throw cannot(node, `auto_pad ${automatic}: give the pads`)
  if (Number(node.attributes.get('ceil_mode')?.i ?? 0) !== 0) throw cannot(node, 'ceil_mode')
  const pads = listOf(
    node,
    'pads',
    [...spatial, ...spatial].map(() => 0),
  )
  const rank = spatial.length
  const padded = spatial.map((size, axis) => size + (pads[axis] as number) + (pads[axis + rank] as number))
  const sizes = padded.map((size, axis) => {
    const reach = (dilations[axis] as number) * ((kernel[axis] as number) - 1) + 1
    return Math.floor((size - reach) / (strides[axis] as number)) + 1
  })
  if (sizes.some(size => size < 1)) throw cannot(node, `a kernel of [${kernel}] on [${spatial}]`)
  const outside = emitter.constant('uint8', Uint8Array.of(padding), [])
  const full = pads.some(pad => pad > 0)
    ? emitter.emit('Pad', [x.name, emitter.int64([0, 0, ...pads.slice(0, rank), 0, 0, ...pads.slice(rank)]), outside])
    : x.name
  const flat = emitter.reshape(full, [1, channels, padded.reduce((a, b) => a * b, 1)])
  const indices: number[] = []
  for (const place of grid(sizes)) {
    for (const offset of grid(kernel)) {
      let at = 0
      for (let axis = 0; axis < rank; axis++)
        at =
          at * (padded[axis] as number) +
          (place[axis] as number) * (strides[axis] as number) +
          (offset[axis] as number) * (dilations[axis] as number)
      indices.push(at)
    }
  }
  return { flat, indices, places: sizes.reduce((a, b) => a * b, 1), sizes }
}

/** The windows side by side: [batch, channels, windows, kernel elements]. */
export function windows(
  context: Context,
  node: FloatNode,
  x: Quantised,
  parameters: WindowParameters,
): { name: string; places: number; sizes: number[] } {
  const { emitter } = context
  const { flat, indices, places, sizes } = windowsOf(context, node, x, parameters)
  const chosen = emitter.int64(indices, [places, indices.length / places])
  return { name: emitter.emit('Gather', [flat, chosen], { axis: 2 }), places, sizes }
}

/** All places of a grid, in row-major order. */
function* grid(sizes: readonly number[]): Generator<number[]> {
  const count = sizes.reduce((a, b) => a * b, 1)
  for (let i = 0; i < count; i++) {
    const place: number[] = []
    for (let axis = sizes.length - 1, rest = i; axis >= 0; axis--) {
      place[axis] = rest % (sizes[axis] as number)
      rest = Math.floor(rest / (sizes[axis] as number))
    }
    yield place
  }
}
