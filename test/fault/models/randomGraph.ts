import onnxProto, { type onnx } from 'onnx-proto'
import { seededRandom } from '../seededRandom.ts'

const { DataType } = onnxProto.onnx.TensorProto
const TYPES = {
  float32: DataType.FLOAT,
  uint8: DataType.UINT8,
  int8: DataType.INT8,
  int32: DataType.INT32,
  int64: DataType.INT64,
}
type Type = keyof typeof TYPES
type Held = { name: string; type: Type; dims: number[] }

/** Numbers at the edges of what kernels do: zeros of both signs, halves, ends of types, what rounds to nothing or to infinity. */
const ODD = [
  ...[0, -0, 1, -1, 0.5, -0.5, 1.5, 2.5, 126.5, 127.5, 128, 254.5, 255, 255.5, 256, -128, -40_000, 40_000],
  ...[1e-45, -1e-45, 1e-38, 3.4e38, -3.4e38, 2 ** 23 + 0.5, 2 ** 24, 2 ** 31, 1e-30, 0.1, -0.1, 1 / 3],
]

/** A graph of random steps around linear ops, and the shape of a row: most are refused, and what is not must be exact. */
export function randomGraph(seed: number): { file: Uint8Array; shape: number[]; random: () => number } {
  const random = seededRandom(seed)
  const below = (most: number) => Math.floor(random() * most)
  const pick = <T>(from: readonly T[]): T => from[below(from.length)] as T
  const node: onnx.INodeProto[] = []
  const initializer: onnx.ITensorProto[] = []
  const held: Held[] = []
  let names = 0

  function constant(type: Type, values: readonly number[], dims: readonly number[]): string {
    const name = `c${initializer.length}`
    const data =
      type === 'int64'
        ? BigInt64Array.from(values.map(value => BigInt(Math.trunc(value))))
        : type === 'float32'
          ? Float32Array.from(values)
          : type === 'int32'
            ? Int32Array.from(values)
            : type === 'int8'
              ? Int8Array.from(values)
              : Uint8Array.from(values)
    initializer.push({ name, dataType: TYPES[type], dims: [...dims], rawData: new Uint8Array(data.buffer) })
    return name
  }
  function emit(
    op: string,
    input: string[],
    type: Type,
    dims: number[],
    attributes: Record<string, number | number[]> = {},
  ) {
    const name = `v${names++}`
    const attribute = Object.entries(attributes).map(([key, value]) =>
      typeof value === 'number' ? { name: key, type: 2, i: value } : { name: key, type: 7, ints: value },
    )
    node.push({ opType: op, name, input, output: [name], attribute })
    const made = { name, type, dims }
    held.push(made)
    return made
  }
  const odd = () => (random() < 0.6 ? pick(ODD) : (random() - 0.5) * 10 ** below(6))
  const usual = () => pick([1, 2, 0.5, 0.01, 100, 3, -1])
  const float = (value: number) => constant('float32', [value], [])
  const list = (...values: number[]) => constant('int64', values, [values.length])
  const cast = (from: Held, type: Type) => emit('Cast', [from.name], type, from.dims, { to: TYPES[type] })

  /** float32 → uint8: the usual way, with odd bounds now and then. */
  function quantise(from: Held): Held {
    const scaled =
      random() < 0.8 ? emit('Mul', [from.name, float(random() < 0.3 ? odd() : usual())], 'float32', from.dims) : from
    const round = emit('Round', [scaled.name], 'float32', from.dims)
    const shift = emit('Add', [round.name, float(random() < 0.9 ? 128 : odd())], 'float32', from.dims)
    const bounds = random() < 0.7 ? [pick([1, 0, 128, 127]), 255] : [odd(), odd()].sort((a, b) => a - b)
    return cast(emit('Clip', [shift.name, ...bounds.map(float)], 'float32', from.dims), 'uint8')
  }
  function linear(from: Held): Held {
    const k = from.dims.at(-1) as number
    const zero = constant('uint8', [128], [])
    if (random() < 0.2 && from.dims.length >= 3) {
      const perm = [...from.dims.keys()]
      const last = perm.length - 1
      ;[perm[last], perm[last - 1]] = [last - 1, last]
      const turned = emit(
        'Transpose',
        [from.name],
        'uint8',
        perm.map(axis => from.dims[axis] as number),
        { perm },
      )
      const rows = from.dims.at(-2) as number
      return emit('MatMulInteger', [from.name, turned.name, zero, zero], 'int32', [...from.dims.slice(0, -1), rows])
    }
    const n = 1 + below(6)
    const most = pick([1, 63, 127])
    const weights = Array.from({ length: k * n }, () => Math.round((2 * random() - 1) * most))
    return emit('MatMulInteger', [from.name, constant('int8', weights, [k, n]), zero], 'int32', [
      ...from.dims.slice(0, -1),
      n,
    ])
  }
  /** One step on something that is there. */
  function step(): void {
    const from = random() < 0.6 ? (held.at(-1) as Held) : pick(held)
    const { name, type, dims } = from
    const width = dims.at(-1) as number
    const vector = (of: () => number) =>
      random() < 0.5 ? constant(type, [of()], []) : constant(type, Array.from({ length: width }, of), [width])
    switch (below(15)) {
      case 0:
        if (type === 'float32') emit('Mul', [name, vector(random() < 0.5 ? odd : usual)], type, dims)
        else if (type !== 'uint8') emit('Mul', [name, vector(() => below(9) - 4)], type, dims)
        return
      case 1:
        if (type !== 'uint8')
          emit(
            'Add',
            [name, vector(type === 'float32' ? odd : () => below(2_000) - 1_000)].sort(() => random() - 0.5),
            type,
            dims,
          )
        return
      case 2:
        if (type === 'float32') emit('Clip', [name, ...[odd(), odd()].sort((a, b) => a - b).map(float)], type, dims)
        return
      case 3:
        if (type === 'float32') emit(pick(['Round', 'Sqrt']), [name], type, dims)
        return
      case 4: {
        const other = held.find(
          candidate => candidate !== from && candidate.type === type && candidate.dims.join() === dims.join(),
        )
        if (other !== undefined) emit(pick(['Add', 'Sub', 'Mul', 'Div']), [name, other.name], type, dims)
        return
      }
      case 5:
        cast(from, pick(['float32', 'uint8', 'int32', 'int64']))
        return
      case 6:
        if (type === 'float32') quantise(from)
        return
      case 7:
      case 8:
        if (type === 'uint8') linear(from)
        return
      case 9:
        if (type === 'uint8') {
          const table = constant('float32', Array.from({ length: 256 }, odd), [256])
          emit('Gather', [table, cast(from, 'int32').name], 'float32', dims)
        } else if (type === 'int32')
          emit(
            'Gather',
            [
              constant(
                'int32',
                Array.from({ length: 256 }, () => below(99)),
                [256],
              ),
              name,
            ],
            'int32',
            dims,
          )
        return
      case 10:
        if (dims.length === 2 && width % 2 === 0)
          emit('Reshape', [name, list(0, 2, width / 2)], type, [1, 2, width / 2])
        else if (dims.length === 3) emit('Reshape', [name, list(0, -1)], type, [1, (dims[1] as number) * width])
        return
      case 11:
        if (dims.length === 3) emit('Transpose', [name], type, [1, width, dims[1] as number], { perm: [0, 2, 1] })
        return
      case 12: {
        const chosen = Array.from({ length: 1 + below(4) }, () => below(width))
        emit('Gather', [name, list(...chosen)], type, [...dims.slice(0, -1), chosen.length], { axis: dims.length - 1 })
        return
      }
      case 13:
        if (random() < 0.5)
          emit('Concat', [name, name], type, [...dims.slice(0, -1), 2 * width], { axis: dims.length - 1 })
        else {
          const pads = dims.flatMap(() => [0, 0])
          pads[dims.length - 1] = below(2)
          pads[pads.length - 1] = 1 + below(2)
          const sum = (pads[dims.length - 1] as number) + (pads.at(-1) as number)
          const value = type === 'float32' ? odd() : type === 'uint8' ? pick([0, 128, 255]) : below(5)
          emit('Pad', [name, list(...pads), constant(type, [value], [])], type, [...dims.slice(0, -1), width + sum])
        }
        return
      default:
        if (type === 'uint8')
          emit('ReduceMax', [name], type, [...dims.slice(0, -1), 1], { axes: [dims.length - 1], keepdims: 1 })
        else if (type !== 'float32')
          emit('ReduceSum', [name, list(-1)], type, [...dims.slice(0, -1), 1], { keepdims: 1 })
    }
  }

  const shape = random() < 0.6 ? [1, 2 + 2 * below(4)] : [1, 1 + below(3), 2 + below(4)]
  held.push({ name: 'x', type: 'float32', dims: shape })
  const first = linear(quantise(held[0] as Held))
  if (random() < 0.7) cast(first, 'float32')
  for (let i = below(7); i > 0; i--) step()
  let last = held.at(-1) as Held
  if (last.type !== 'float32') last = cast(last, 'float32')
  const factor =
    random() < 0.5
      ? float(usual())
      : constant('float32', Array.from({ length: last.dims.at(-1) as number }, odd), [last.dims.at(-1) as number])
  const result = emit('Mul', [last.name, factor], 'float32', last.dims)
  const external = (name: string, dims: readonly number[]): onnx.IValueInfoProto => ({
    name,
    type: {
      tensorType: {
        elemType: TYPES.float32,
        shape: { dim: [{ dimParam: 'batch' }, ...dims.slice(1).map(dimValue => ({ dimValue }))] },
      },
    },
  })
  const file = onnxProto.onnx.ModelProto.encode({
    irVersion: 8,
    opsetImport: [{ domain: '', version: 17 }],
    graph: {
      name: 'int-exact-v1',
      node,
      initializer,
      input: [external('x', shape)],
      output: [external(result.name, result.dims)],
    },
  }).finish()
  return { file, shape, random }
}
