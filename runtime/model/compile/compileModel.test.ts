import onnxProto from 'onnx-proto'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { nodeKernels, randomWords } from '#runtime/crypto/nodeKernels.ts'
import { lowerLinear } from '#runtime/model/lowerLinear.ts'
import { lowerSaturating } from '#runtime/model/lowerSaturating.ts'
import { lowerTables } from '#runtime/model/lowerTables.ts'
import { withTensors } from '#runtime/model/withTensors.ts'
import { machineKernels } from '#runtime/worker/machineKernels.ts'
import { readIntGraph } from '#verifier/model/intGraph.ts'
import { multiplyDirectly, runGraph } from '#verifier/model/runGraph.ts'
import { prepareTraceCheck } from '#verifier/proof/freivalds/traceCheck.ts'
import { randomSamples } from '../../../test/attack/inference/floatModels.ts'
import { FAMILIES } from '../../../test/attack/inference/intModels.ts'
import { seededRandom } from '../../../test/fault/seededRandom.ts'
import { compileModel } from './compileModel.ts'

const SETTINGS = [
  { intraOpNumThreads: 1, graphOptimizationLevel: 'all' },
  { intraOpNumThreads: 8, graphOptimizationLevel: 'all' },
  { intraOpNumThreads: 2, graphOptimizationLevel: 'disabled' },
] as const

const opsOf = (file: Uint8Array) => onnxProto.onnx.ModelProto.decode(file).graph?.node?.map(node => node.opType) ?? []

describe.each(Object.keys(FAMILIES))('%s', family => {
  test.each([1, 2, 3, 4])(
    'seed %i: every tensor equals the reference, whatever the threads, batch and optimisations',
    async seed => {
      const random = seededRandom(seed)
      const made = FAMILIES[family]?.(random) as { file: Uint8Array; shape: number[] }
      const { file, graph, loss } = await compileModel(
        made.file,
        randomSamples(64, made.shape, random),
        seed % 2 === 0 ? 8 : 7,
      )
      expect(loss).toBeLessThan(0.2)
      expect(readIntGraph(file).linear.length).toBe(graph.linear.length)

      // Far outside of what it was calibrated on, too.
      const batch = 5
      const input = randomSamples(batch, made.shape, random)
      for (let i = 0; i < input.data.length; i++) if (random() < 0.1) input.data[i] = (input.data[i] as number) * 1e6
      const reference = new Map<string, { dtype: string; data: ArrayLike<number> }>()
      const output = runGraph(graph, input, {
        multiply: multiplyDirectly,
        onValue: (step, { dtype, data }) => reference.set(graph.steps[step]?.name ?? '', { dtype, data }),
      })

      const parts: Uint8Array[] = []
      runGraph(graph, input, {
        multiply(call) {
          const y = multiplyDirectly(call)
          parts.push(new Uint8Array(y.buffer, y.byteOffset, y.byteLength))
          return y
        },
      })
      // A verifier's passes give the same bits as the single steps.
      const check = prepareTraceCheck({
        graph,
        kernels: nodeKernels(),
        columns: 2,
        random: (_, words) => randomWords(words),
      })
      expect(graph.fused.size).toBeGreaterThan(1)
      expect(check.check(input, output, Buffer.concat(parts))).toBe(null)

      const names = graph.steps.map(step => step.name)
      // As devices without a product of bytes compute it, too.
      const lowered = lowerTables(file, graph)
      expect(opsOf(lowerLinear(lowered, graph))).not.toContain('MatMulInteger')
      const tables = graph.steps.filter(
        ({ op, inputs }) => op === 'Gather' && graph.values[inputs[0] as number]?.constant !== null,
      )
      expect(opsOf(lowered).filter(op => op === 'GatherElements')).toHaveLength(tables.length)
      // As it stands where this processor's kernels are exact, and on every processor as one that saturates runs it.
      const { kernels } = await machineKernels()
      const safe = lowerSaturating(file, graph)
      const runs = [
        ...(kernels === 'exact' ? [file, safe] : [safe]).flatMap(bytes => SETTINGS.map(each => [bytes, each] as const)),
        [lowerSaturating(lowered, graph), {}] as const,
        [lowerLinear(lowered, graph), {}] as const,
      ]
      for (const [bytes, settings] of runs) {
        const session = await InferenceSession.create(withTensors(bytes, graph, names), {
          ...settings,
          logSeverityLevel: 4,
        })
        const results = await session.run({ [graph.input.name]: new Tensor('float32', input.data, [...input.shape]) })
        for (const name of names)
          expect(Array.from(results[name]?.data as ArrayLike<number>, Number), name).toEqual(
            Array.from(reference.get(name)?.data as ArrayLike<number>),
          )
        await session.release()
      }
      const plain = await InferenceSession.create(safe, { intraOpNumThreads: 2, logSeverityLevel: 4 })
      const width = input.data.length / batch
      const each = output.length / batch
      for (let row = 0; row < batch; row++) {
        const alone = await plain.run({
          [graph.input.name]: new Tensor('float32', input.data.slice(row * width, (row + 1) * width), made.shape),
        })
        expect(Array.from(alone[graph.output.name]?.data as Float32Array)).toEqual(
          Array.from(output.slice(row * each, (row + 1) * each)),
        )
      }
      await plain.release()
    },
  )
})
