import onnxProto, { type onnx } from 'onnx-proto'
import { ZERO_POINT } from '#verifier/model/linear.ts'

const { DataType } = onnxProto.onnx.TensorProto
const TYPES = {
  float32: DataType.FLOAT,
  uint8: DataType.UINT8,
  int8: DataType.INT8,
  int32: DataType.INT32,
  int64: DataType.INT64,
}
type Type = keyof typeof TYPES
type Numbers = Float32Array | Uint8Array | Int8Array | Int32Array | BigInt64Array

/** Writes an exact-integer graph node by node; values go by name. */
export type Emitter = ReturnType<typeof createEmitter>

/** A value of the graph under way: uint8 around 128; `dims` for a batch of one; real value = (element − 128) · scale. */
export type Quantised = { name: string; dims: number[]; scale: number }

/** Starts a graph with float32 input `input.name` [batch, …]. */
export function createEmitter(input: { name: string; shape: readonly number[] }) {
  const node: onnx.INodeProto[] = []
  const initializer: onnx.ITensorProto[] = []
  const scalars = new Map<string, string>()
  let names = 0

  function constant(type: Type, values: Numbers, dims: readonly number[]): string {
    const key = values.length === 1 ? `${type} ${values[0]} ${dims.join()}` : null
    const known = key === null ? undefined : scalars.get(key)
    if (known !== undefined) return known
    const name = `c${initializer.length}`
    const rawData = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
    initializer.push({ name, dataType: TYPES[type], dims: [...dims], rawData })
    if (key !== null) scalars.set(key, name)
    return name
  }
  function emit(opType: string, inputs: string[], attributes: Record<string, number | number[]> = {}, output?: string) {
    const name = output ?? `v${names++}`
    const attribute = Object.entries(attributes).map(([key, value]) =>
      typeof value === 'number' ? { name: key, type: 2, i: value } : { name: key, type: 7, ints: value },
    )
    node.push({ opType, name: `${opType} ${name}`, input: inputs, output: [name], attribute })
    return name
  }
  const float = (values: readonly number[], dims: readonly number[] = []) =>
    constant('float32', Float32Array.from(values), dims)
  const zero = () => constant('uint8', Uint8Array.of(ZERO_POINT), [])

  return {
    emit,
    constant,
    float,
    int32: (values: readonly number[], dims: readonly number[] = []) =>
      constant('int32', Int32Array.from(values), dims),
    int64: (values: readonly number[], dims: readonly number[] = [values.length]) =>
      constant('int64', BigInt64Array.from(values.map(BigInt)), dims),
    cast: (name: string, type: Type) => emit('Cast', [name], { to: TYPES[type] }),
    /** float32 in units of the result's scale → uint8 around 128, not below `least`. */
    toUint8(name: string, least = 1): string {
      const shifted = emit('Add', [emit('Round', [name]), float([ZERO_POINT])])
      return emit('Cast', [emit('Clip', [shifted, float([least]), float([255])])], { to: TYPES.uint8 })
    },
    /** int32 accumulators × a factor for each channel (or one) → uint8 around 128. */
    requantise(accumulators: string, factors: readonly number[], least = 1): string {
      const scaled = emit('Mul', [
        emit('Cast', [accumulators], { to: TYPES.float32 }),
        float(factors.map(nonZero), factors.length === 1 ? [] : [factors.length]),
      ])
      return this.toUint8(scaled, least)
    },
    /** uint8 around 128 → int32 around 0. */
    centred(name: string): string {
      return emit('Add', [emit('Cast', [name], { to: TYPES.int32 }), constant('int32', Int32Array.of(-ZERO_POINT), [])])
    },
    linear: (left: string, weights: Int8Array, k: number, n: number) =>
      emit('MatMulInteger', [left, constant('int8', weights, [k, n]), zero()]),
    product: (left: string, right: string) => emit('MatMulInteger', [left, right, zero(), zero()]),
    reshape: (name: string, dims: readonly number[]) =>
      emit('Reshape', [name, constant('int64', BigInt64Array.from([0, ...dims.slice(1)].map(BigInt)), [dims.length])]),
    /** The file, with `output` [batch, …] as its result. */
    finish(output: { name: string; shape: readonly number[] }): Uint8Array {
      const external = ({ name, shape }: { name: string; shape: readonly number[] }): onnx.IValueInfoProto => ({
        name,
        type: {
          tensorType: {
            elemType: TYPES.float32,
            shape: { dim: [{ dimParam: 'batch' }, ...shape.slice(1).map(dimValue => ({ dimValue }))] },
          },
        },
      })
      return onnxProto.onnx.ModelProto.encode({
        irVersion: 8,
        producerName: 'warrant',
        opsetImport: [{ domain: '', version: 17 }],
        graph: { name: 'int-exact-v1', node, initializer, input: [external(input)], output: [external(output)] },
      }).finish()
    },
  }
}

/** A factor that rounds every int32 to nothing stands for zero, which a graph must not multiply by (0 · ∞). */
function nonZero(factor: number): number {
  const single = Math.fround(factor)
  return single === 0 ? 1e-30 : single
}
