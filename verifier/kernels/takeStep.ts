import type { IntGraph, Step } from '#verifier/model/intGraph.ts'
import { sizeOf, type Value, type ValueType } from '#verifier/model/value.ts'
import type { Address, Convert, Each, ElementKernels, OfRows, Workspace } from './openWorkspace.ts'

/** Fewer elements than this are worked on faster than they are copied. */
const FEW = 256

const BYTES = { uint8: 1, int8: 1, int32: 4, float32: 4, int64: 8 } as const

/** Takes single steps of a graph in the kernels, on copies; null for what they do not know. */
export type StepTaker = {
  /** Scratch that a batch needs; `at` is where it lies. */
  room(batch: number): number
  begin(at: Address): void
  take(step: Step, inputs: readonly Value[]): Value | null
}

export function createStepTaker(workspace: Workspace, graph: Pick<IntGraph, 'steps' | 'values' | 'fused'>): StepTaker {
  const { values } = graph
  const kernels: ElementKernels = workspace.kernels
  const binaries: Readonly<Record<string, Each>> = {
    'Add float32': kernels.addF32,
    'Mul float32': kernels.mulF32,
    'Div float32': kernels.divF32,
    'Add int32': kernels.addI32,
    'Sub int32': kernels.subI32,
    'Mul int32': kernels.mulI32,
    'Add int64': kernels.addF64,
    'Sub int64': kernels.subF64,
    'Mul int64': kernels.mulF64,
  }
  const casts: Readonly<Record<string, Convert>> = {
    'int32 float32': kernels.i32ToF32,
    'float32 int32': kernels.f32ToI32,
    'float32 uint8': kernels.f32ToU8,
    'uint8 int32': kernels.u8ToI32,
    'uint8 float32': kernels.u8ToF32,
    'int32 int64': kernels.i32ToF64,
    'int64 float32': kernels.f64ToF32,
  }
  const sums: Readonly<Record<string, OfRows>> = { int32: kernels.sumI32, int64: kernels.sumF64 }
  const operands = operandsOf(graph)
  let places: readonly [Address, Address, Address] = [0, 0, 0]
  let size = 0

  /** Where an operand lies: where it is, or copied to one of the places. */
  function put({ data }: Value, place: 0 | 1): Address {
    if (data.buffer === workspace.buffer()) return data.byteOffset
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    workspace.bytes(places[place], bytes.length).set(bytes)
    return places[place]
  }

  /** What the kernels left in the third place, on its own. */
  function result(step: Step, rows: number): Value {
    const type = values[step.output] as ValueType
    const dims = [rows, ...type.dims.slice(1)]
    const count = sizeOf(dims)
    const copy = workspace.bytes(places[2], count * BYTES[type.dtype]).slice().buffer
    switch (type.dtype) {
      case 'float32':
        return { dtype: type.dtype, dims, data: new Float32Array(copy) }
      case 'int32':
        return { dtype: type.dtype, dims, data: new Int32Array(copy) }
      case 'int64':
        return { dtype: type.dtype, dims, data: new Float64Array(copy) }
      case 'int8':
        return { dtype: type.dtype, dims, data: new Int8Array(copy) }
      default:
        return { dtype: type.dtype, dims, data: new Uint8Array(copy) }
    }
  }

  /** A table by computed indices, which the graph's ranges prove to lie in it; null where it is no table. */
  function lookUp(step: Step, table: Value, indices: Value): Value | null {
    const isTable = values[step.inputs[0] as number]?.constant !== null && table.dims.length === 1
    const count = indices.data.length
    if (!isTable || indices.dtype !== 'int32' || count < FEW || BYTES[table.dtype] > 4) return null
    const work = BYTES[table.dtype] === 1 ? kernels.lookUp1 : kernels.lookUp4
    work(put(table, 0), put(indices, 1), count, places[2])
    return result(step, indices.dims[0] as number)
  }

  return {
    room(batch) {
      const most = Math.max(0, ...operands.map(({ dims, constant }) => sizeOf(dims) * (constant === null ? batch : 1)))
      size = 8 * most + 16
      return 3 * size
    },
    begin(at) {
      places = [at, at + size, at + 2 * size]
    },
    take(step, inputs) {
      const [a, b, c] = inputs as [Value, Value | undefined, Value | undefined]
      const type = values[step.output] as ValueType
      if (step.op === 'Gather') return b === undefined ? null : lookUp(step, a, b)
      const count = a.data.length
      const rows = a.dims[0] as number
      if (count < FEW || a.dims.length !== type.dims.length) return null
      switch (step.op) {
        case 'Add':
        case 'Sub':
        case 'Mul':
        case 'Div': {
          const work = binaries[`${step.op} ${a.dtype}`]
          const times = sizeOf([rows, ...type.dims.slice(1)])
          if (work === undefined || b === undefined || times !== count) return null
          const [left, right] = [put(a, 0), put(b, 1)]
          const bytes = BYTES[a.dtype]
          const width = a.dims.at(-1) as number
          if (repeats(b, a)) work(left, right, b.data.length, count, places[2])
          else if (isOnePerRow(b, a) && width >= 16)
            for (let from = 0, row = 0; from < count; from += width, row++)
              work(left + bytes * from, right + bytes * row, 1, width, places[2] + bytes * from)
          else return null
          return result(step, rows)
        }
        case 'Round':
          kernels.roundF32(put(a, 0), count, places[2])
          return result(step, rows)
        case 'Clip': {
          const [least, greatest] = [b?.data[0], c?.data[0]]
          if (least === undefined || greatest === undefined) return null
          kernels.clampF32(put(a, 0), count, places[2], least, greatest)
          return result(step, rows)
        }
        case 'Cast': {
          const work = casts[`${a.dtype} ${type.dtype}`]
          if (work === undefined) return null
          work(put(a, 0), count, places[2])
          return result(step, rows)
        }
        case 'ReduceSum':
        case 'ReduceMax': {
          const width = a.dims.at(-1) as number
          const work = step.op === 'ReduceMax' ? kernels.maxU8 : sums[a.dtype]
          if (work === undefined) return null
          work(put(a, 0), count / width, width, places[2])
          return result(step, rows)
        }
        default:
          return null
      }
    },
  }
}

/** What steps that stand alone read and give; their own constants, but no weights. */
function operandsOf({ steps, values, fused }: Pick<IntGraph, 'steps' | 'values' | 'fused'>): ValueType[] {
  const found = new Set<ValueType>()
  for (let i = 0; i < steps.length; i++) {
    const passes = fused.get(i)
    if (passes !== undefined) {
      i = passes.last
      continue
    }
    const { prepared, inputs, output } = steps[i] as Step
    if (prepared === null) continue
    for (const number of [...inputs, output]) found.add(values[number] as ValueType)
  }
  return [...found]
}

/** Whether a value has one number for each row of another. */
function isOnePerRow({ dims }: Value, { dims: of }: Value): boolean {
  return dims.length === of.length && dims.every((dim, i) => dim === (i === of.length - 1 ? 1 : of[i]))
}

/** Whether a value is repeated as it is along the front axes of another. */
function repeats({ dims, data }: Value, { dims: of }: Value): boolean {
  if (data.length === 1) return true
  const first = dims.findIndex(dim => dim !== 1)
  const own = first < 0 ? [] : dims.slice(first)
  return own.every((dim, i) => dim === of[of.length - own.length + i])
}
