import onnxProto from 'onnx-proto'
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node'
import { WarrantError } from '#verifier/evidence/error.ts'
import { ZERO_POINT } from '#verifier/model/linear.ts'
import { type Kernels, type Processor, thisProcessor } from './processor.ts'

const { UINT8, INT8, INT32 } = onnxProto.onnx.TensorProto.DataType

/** Shapes that between them reach a row's own kernel, edges, and whole tiles. */
const SHAPES = [
  { m: 1, k: 2, n: 3 },
  { m: 1, k: 64, n: 16 },
  { m: 5, k: 67, n: 33 },
] as const

let known: Promise<Processor> | undefined

/**
 * What this machine's kernels do: its processor's class, and what onnxruntime really answers here (an emulated or
 * virtual processor may say more than it has). Only both together are `exact`.
 *
 * @throws WORKER_FAILED when (uint8, uint8) products, on which a model would fall back, are not exact either
 */
export function machineKernels(): Promise<Processor> {
  known ??= probe(thisProcessor())
  known.catch(() => {
    known = undefined
  })
  return known
}

/** What a model may count on: never more than the class promises, or than was seen. */
async function probe(processor: Processor): Promise<Processor> {
  for (const shape of SHAPES)
    if (!(await isExact(shape, UINT8)))
      throw new WarrantError(
        'WORKER_FAILED',
        `this machine (${processor.name}): onnxruntime's products of uint8 and uint8 are not exact; exact-integer models cannot run here`,
      )
  for (const shape of SHAPES)
    if (!(await isExact(shape, INT8)))
      return processor.kernels === 'exact'
        ? { name: `${processor.name} by its flags, which saturates all the same`, kernels: 'saturating' as Kernels }
        : { ...processor, kernels: 'saturating' }
  return processor
}

/** Whether the largest inputs times the largest weights of a type come out whole. */
async function isExact({ m, k, n }: (typeof SHAPES)[number], type: typeof UINT8 | typeof INT8): Promise<boolean> {
  const weight = 127
  const zero = { name: 'zero', dataType: UINT8, dims: [], rawData: Uint8Array.of(ZERO_POINT) }
  const rawData = new Uint8Array(k * n).fill(type === UINT8 ? weight + ZERO_POINT : weight)
  const value = (name: string, elemType: number, dims: number[]) => ({
    name,
    type: { tensorType: { elemType, shape: { dim: dims.map(dimValue => ({ dimValue })) } } },
  })
  const file = onnxProto.onnx.ModelProto.encode({
    irVersion: 8,
    opsetImport: [{ domain: '', version: 17 }],
    graph: {
      name: 'probe',
      node: [
        {
          opType: 'MatMulInteger',
          input: type === UINT8 ? ['x', 'w', 'zero', 'zero'] : ['x', 'w', 'zero'],
          output: ['y'],
        },
      ],
      initializer: [zero, { name: 'w', dataType: type, dims: [k, n], rawData }],
      input: [value('x', UINT8, [m, k])],
      output: [value('y', INT32, [m, n])],
    },
  }).finish()
  const session = await InferenceSession.create(file, { intraOpNumThreads: 1, logSeverityLevel: 4 })
  try {
    const results = await session.run({ x: new OrtTensor('uint8', new Uint8Array(m * k).fill(255), [m, k]) })
    const sums = results.y?.data
    return sums instanceof Int32Array && sums.every(sum => sum === (255 - ZERO_POINT) * weight * k)
  } finally {
    await session.release()
  }
}
