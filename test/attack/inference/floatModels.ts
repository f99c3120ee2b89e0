import onnxProto, { type onnx } from 'onnx-proto'

const { FLOAT, INT64 } = onnxProto.onnx.TensorProto.DataType

/** Writes float32 ONNX models for tests, node by node. `random`: 0 to 1. */
export function floatModel(inputShape: readonly number[], random: () => number) {
  const node: onnx.INodeProto[] = []
  const initializer: onnx.ITensorProto[] = []
  const gaussian = () => random() + random() + random() - 1.5
  let names = 0
  const builder = {
    floats(dims: readonly number[], value: (i: number) => number = () => gaussian()): string {
      const count = dims.reduce((a, b) => a * b, 1)
      const data = Float32Array.from({ length: count }, (_, i) => value(i))
      const name = `f${initializer.length}`
      initializer.push({ name, dataType: FLOAT, dims: [...dims], rawData: new Uint8Array(data.buffer) })
      return name
    },
    ints(values: readonly number[], dims: readonly number[] = [values.length]): string {
      const name = `i${initializer.length}`
      const data = BigInt64Array.from(values.map(BigInt))
      initializer.push({ name, dataType: INT64, dims: [...dims], rawData: new Uint8Array(data.buffer) })
      return name
    },
    /** `attributes`: integers, lists of integers; floats as `{ f }`. */
    op(opType: string, input: string[], attributes: Record<string, number | number[] | { f: number }> = {}): string {
      const output = [`t${names++}`]
      const attribute = Object.entries(attributes).map(([name, value]) =>
        typeof value === 'number'
          ? { name, type: 2, i: value }
          : Array.isArray(value)
            ? { name, type: 7, ints: value }
            : { name, type: 1, f: value.f },
      )
      node.push({ opType, name: output[0] as string, input, output, attribute })
      return output[0] as string
    },
    linear(from: string, k: number, n: number): string {
      return builder.op('Gemm', [from, builder.floats([k, n], () => gaussian() / Math.sqrt(k)), builder.floats([n])])
    },
    finish(output: string): Uint8Array {
      const external = (name: string, shape: readonly number[] | null): onnx.IValueInfoProto => ({
        name,
        type: {
          tensorType: {
            elemType: FLOAT,
            ...(shape === null
              ? {}
              : { shape: { dim: [{ dimParam: 'batch' }, ...shape.slice(1).map(dimValue => ({ dimValue }))] } }),
          },
        },
      })
      return onnxProto.onnx.ModelProto.encode({
        irVersion: 8,
        opsetImport: [{ domain: '', version: 17 }],
        graph: {
          name: 'test',
          node,
          initializer,
          input: [external('x', inputShape)],
          output: [external(output, null)],
        },
      }).finish()
    },
  }
  return builder
}

/** Rows of random inputs. */
export function randomSamples(rows: number, shape: readonly number[], random: () => number) {
  const width = shape.slice(1).reduce((a, b) => a * b, 1)
  return {
    shape: [rows, ...shape.slice(1)],
    data: Float32Array.from({ length: rows * width }, () => 2 * (random() + random() + random() - 1.5)),
  }
}
