import { basename } from 'node:path'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { nodeKernels, randomWords } from '#runtime/crypto/nodeKernels.ts'
import { loadIntModel } from '#runtime/worker/intModel.ts'
import { identifyModel, onnxEngine } from '#runtime/worker/onnxEngine.ts'
import { fromBase64, toBase64 } from '#verifier/evidence/bytes.ts'
import { digestBytes } from '#verifier/evidence/digest.ts'
import type { Tensor } from '#verifier/evidence/tensor.ts'
import { readIntGraph } from '#verifier/model/intGraph.ts'
import { sizeOf } from '#verifier/model/value.ts'
import { INT_EXACT } from '#verifier/proof/freivalds/openTrace.ts'
import { prepareTraceCheck } from '#verifier/proof/freivalds/traceCheck.ts'
import { readModelFile } from './inspectModel.ts'
import { median } from './median.ts'

/** Medians in milliseconds of one thread; null where the model has no such step. */
export type ModelBench = {
  numeric: string
  /** W·R, once per model and coins. */
  prepareMs: number | null
  batches: { batch: number; runMs: number; tracedMs: number | null; digestMs: number | null; checkMs: number | null }[]
}

/** Times running a model and checking its answers. @throws FILE_MISSING, MODEL_INVALID */
export async function benchModel(path: string, rounds = 15): Promise<ModelBench> {
  const file = readModelFile(path)
  const identity = await identifyModel(basename(path, '.onnx'), file)
  const shape = identity.input?.shape ?? []
  const inputOf = (batch: number): Tensor => {
    const data = Float32Array.from({ length: batch * sizeOf(shape) }, (_, i) => Math.sin(i * 12.9898) * 2)
    return { dtype: 'float32', shape: [batch, ...shape.slice(1)], data: toBase64(new Uint8Array(data.buffer)) }
  }
  if (identity.numeric !== INT_EXACT) {
    const model = await onnxEngine.load(identity, file)
    const input = inputOf(1)
    const runMs = await median(rounds, () => model.run(input))
    await model.close()
    return {
      numeric: identity.numeric,
      prepareMs: null,
      batches: [{ batch: 1, runMs, tracedMs: null, digestMs: null, checkMs: null }],
    }
  }
  const model = await loadIntModel(identity, file)
  const graph = readIntGraph(file)
  const since = performance.now()
  const check = prepareTraceCheck({
    graph,
    kernels: nodeKernels(),
    columns: 2,
    random: (_, words) => randomWords(words),
  })
  const prepareMs = performance.now() - since
  const batches: ModelBench['batches'] = []
  for (const batch of [1, 16, 64]) {
    const input = inputOf(batch)
    const data = new Float32Array(new Uint8Array(fromBase64(input.data)).buffer)
    const runMs = await median(rounds, () => model.run(input))
    const tracedMs = await median(rounds, () => model.runTraced([input]))
    const [answer] = await model.runTraced([input])
    const { output, trace } = answer as NonNullable<typeof answer>
    const expected = new Float32Array(new Uint8Array(fromBase64(output.data)).buffer)
    const digestMs = await median(rounds, async () => digestBytes('trace', trace, nodeCrypto))
    const checkMs = await median(rounds, async () => {
      const fault = check.check({ shape: input.shape, data }, expected, trace)
      if (fault !== null) throw new Error(`an honest trace was refused: ${fault.fault} ${fault.where}`)
    })
    batches.push({ batch, runMs, tracedMs, digestMs, checkMs })
  }
  await model.close()
  return { numeric: identity.numeric, prepareMs, batches }
}
