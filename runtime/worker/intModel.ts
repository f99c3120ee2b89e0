import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node'
import { decodeBase64, encodeBase64 } from '#runtime/crypto/base64.ts'
import { demandReplayable } from '#runtime/model/demandReplayable.ts'
import { lowerLinear } from '#runtime/model/lowerLinear.ts'
import { lowerSaturating } from '#runtime/model/lowerSaturating.ts'
import { lowerTables } from '#runtime/model/lowerTables.ts'
import { withTensors } from '#runtime/model/withTensors.ts'
import { canonicalize } from '#verifier/evidence/canonical.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { LoadedModel } from '#verifier/evidence/ports/engine.ts'
import type { ModelIdentity } from '#verifier/evidence/records/run.ts'
import type { Tensor } from '#verifier/evidence/tensor.ts'
import { type IntGraph, readIntGraph } from '#verifier/model/intGraph.ts'
import { batchOf, multiplyDirectly, runGraph } from '#verifier/model/runGraph.ts'
import { sizeOf } from '#verifier/model/value.ts'
import { machineKernels } from './machineKernels.ts'
import type { Kernels } from './processor.ts'
import type { Provider } from './provider.ts'

/** Input and output of an exact-integer model, for a batch of one. @throws MODEL_INVALID */
export function describeIntModel(file: Uint8Array): Pick<ModelIdentity, 'input' | 'output'> {
  const { input, output } = readIntGraph(file)
  const described = ({ name, shape }: IntGraph['input']) => ({ name, dtype: 'float32' as const, shape: [...shape] })
  return { input: described(input), output: described(output) }
}

/**
 * Loads an exact-integer model into onnxruntime with its accumulators among the outputs. Where the processor's kernels
 * saturate, or nobody knows, the ops that could are run by kernels that cannot: that is decided from weights and ranges, as
 * a few inputs need not drive a deep op to its limits. Some are run all the same, against the reference.
 *
 * @throws MODEL_INVALID, WORKER_FAILED when the kernels are not exact here
 */
export async function loadIntModel(
  identity: ModelIdentity,
  file: Uint8Array,
  /** The bits do not depend on them. */
  {
    threads = 1,
    provider = 'cpu',
    kernels,
  }: {
    threads?: number
    provider?: Provider
    /** Of another class of processor than this machine's. */
    kernels?: Kernels
  } = {},
): Promise<Required<LoadedModel>> {
  demandReplayable(identity.name, file)
  const graph = readIntGraph(file)
  const described = describeIntModel(file)
  for (const side of ['input', 'output'] as const) {
    const [actual, expected] = [canonicalize(described[side]), canonicalize(identity[side])]
    if (actual !== expected)
      throw new WarrantError('MODEL_INVALID', `model ${identity.name}: its ${side} is ${actual}, expected ${expected}`)
  }
  const traces = graph.linear.map(({ output }) => output)
  // Other providers get no (uint8, int8) product at all.
  const isExact = provider !== 'cpu' || (kernels ?? (await machineKernels()).kernels) === 'exact'
  let session: InferenceSession
  try {
    const tables = lowerTables(file, graph)
    const exact = isExact ? tables : lowerSaturating(tables, graph)
    const lowered = provider === 'cpu' ? exact : lowerLinear(tables, graph)
    session = await InferenceSession.create(withTensors(lowered, graph, traces), {
      executionProviders: [provider],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      // Every node as it stands: what an optimiser thinks the same may differ in the sign of a zero.
      graphOptimizationLevel: 'disabled',
      logSeverityLevel: 4,
    })
  } catch (cause) {
    throw new WarrantError(
      'MODEL_INVALID',
      `model ${identity.name}: onnxruntime does not load it: ${reasonOf(cause)}`,
      { cause },
    )
  }

  async function execute(shape: number[], data: Float32Array, fetches: readonly string[]) {
    batchOf(graph, { shape, data })
    return session.run({ [graph.input.name]: new OrtTensor('float32', data, shape) }, [...fetches])
  }
  const tensorOf = (data: Float32Array, rows: number): Tensor => ({
    dtype: 'float32',
    shape: [rows, ...graph.output.shape.slice(1)],
    data: encodeBase64(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
  })

  const model = {
    async run(input: Tensor): Promise<Tensor> {
      const results = await execute(input.shape, valuesOf(input, identity.name), [graph.output.name])
      return tensorOf(results[graph.output.name]?.data as Float32Array, input.shape[0] as number)
    },
    runTraced: (inputs: readonly Tensor[]) => runMany(inputs, traces),
    runBatch: async (inputs: readonly Tensor[]) => (await runMany(inputs, [])).map(({ output }) => output),
    close: () => session.release(),
  }

  /** Rows of all inputs in one run; of each input its output, and the accumulators that are `kept`. */
  async function runMany(inputs: readonly Tensor[], kept: readonly string[]) {
    const parts = inputs.map(input => ({ rows: input.shape[0] ?? 0, data: valuesOf(input, identity.name) }))
    for (const [i, { data }] of parts.entries()) batchOf(graph, { shape: (inputs[i] as Tensor).shape, data })
    const rows = parts.reduce((sum, part) => sum + part.rows, 0)
    const all = new Float32Array(parts.reduce((sum, part) => sum + part.data.length, 0))
    let at = 0
    for (const { data } of parts) {
      all.set(data, at)
      at += data.length
    }
    const results = await execute([rows, ...graph.input.shape.slice(1)], all, [graph.output.name, ...kept])
    const output = results[graph.output.name]?.data as Float32Array
    const accumulators = kept.map(name => results[name]?.data as Int32Array)
    let from = 0
    return parts.map(part => {
      const to = from + part.rows
      const own = (values: { length: number }) => [(values.length / rows) * from, (values.length / rows) * to] as const
      const trace = new Uint8Array(accumulators.reduce((sum, y) => sum + (4 * y.length * part.rows) / rows, 0))
      let end = 0
      for (const y of accumulators) {
        const slice = y.subarray(...own(y))
        trace.set(new Uint8Array(slice.buffer, slice.byteOffset, slice.byteLength), end)
        end += slice.byteLength
      }
      const answer = { output: tensorOf(output.slice(...own(output)), part.rows), trace }
      from = to
      return answer
    })
  }
  await proveExact(graph, model, identity.name).catch(async error => {
    await session.release()
    throw error
  })
  return model
}

function valuesOf({ dtype, data }: Tensor, name: string): Float32Array {
  if (dtype !== 'float32') throw new WarrantError('BAD_INPUT', `model ${name}: expects float32, got ${dtype}`)
  return new Float32Array(decodeBase64(data).buffer)
}

/** Runs what saturates first: inputs at both ends, alternating, and in between; every accumulator must be the reference's. */
async function proveExact(
  graph: IntGraph,
  model: Required<Pick<LoadedModel, 'runTraced'>>,
  name: string,
): Promise<void> {
  const width = sizeOf(graph.input.shape)
  let state = 1
  const patterns = [() => 1e30, () => -1e30, (i: number) => (i % 2 === 0 ? 1e30 : -1e30), next]
  function next(): number {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return (state / 2 ** 32 - 0.5) * 8
  }
  const inputs = patterns.map(pattern => Float32Array.from({ length: width }, (_, i) => pattern(i)))
  const answers = await model.runTraced(
    inputs.map(data => ({
      dtype: 'float32',
      shape: [...graph.input.shape],
      data: encodeBase64(new Uint8Array(data.buffer)),
    })),
  )
  for (const [i, data] of inputs.entries()) {
    const trace = answers[i]?.trace as Uint8Array
    let at = 0
    const output = runGraph(
      graph,
      { shape: graph.input.shape, data },
      {
        multiply: call => {
          const y = multiplyDirectly(call)
          const bytes = new Uint8Array(y.buffer, y.byteOffset, y.byteLength)
          if (Buffer.compare(bytes, trace.subarray(at, at + bytes.length)) !== 0)
            throw new WarrantError(
              'WORKER_FAILED',
              `model ${name}: this machine's kernels are not exact in ${call.spec.name || call.spec.output}; use another machine (warrant doctor names this one's processor)`,
            )
          at += bytes.length
          return y
        },
      },
    )
    const expected = encodeBase64(new Uint8Array(output.buffer, output.byteOffset, output.byteLength))
    if (expected !== answers[i]?.output.data)
      throw new WarrantError('WORKER_FAILED', `model ${name}: this machine's arithmetic is not exact`)
  }
}
