import { InferenceSession, Tensor } from 'onnxruntime-node'
import { nodeKernels, randomWords } from '#runtime/crypto/nodeKernels.ts'
import { lowerSaturating } from '#runtime/model/lowerSaturating.ts'
import { lowerTables } from '#runtime/model/lowerTables.ts'
import { withTensors } from '#runtime/model/withTensors.ts'
import { machineKernels } from '#runtime/worker/machineKernels.ts'
import { type IntGraph, readIntGraph } from '#verifier/model/intGraph.ts'
import { multiplyDirectly, runGraph } from '#verifier/model/runGraph.ts'
import { prepareTraceCheck } from '#verifier/proof/freivalds/traceCheck.ts'
import { randomGraph } from './randomGraph.ts'

const BATCH = 3
const bitsOf = (data: ArrayLike<number | bigint>) =>
  Array.from(data, value => (Object.is(value, -0) ? '-0' : String(value))).join()

/**
 * One random graph: refused, or every tensor of it the same to the bit from onnxruntime (optimised and not, and as a worker
 * loads it), the interpreter, and a verifier's passes. @throws Error naming seed, engine and tensor
 */
export async function differentialCase(seed: number): Promise<'refused' | 'equal'> {
  const { file, shape, random } = randomGraph(seed)
  let graph: IntGraph
  try {
    graph = readIntGraph(file)
  } catch {
    return 'refused'
  }
  const count = BATCH * shape.reduce((a, b) => a * b, 1)
  const ends = [0, -0, 0.5, -0.5, 1e30, -1e30, 1e-40, 127.5, -128.5, 1]
  const data = Float32Array.from({ length: count }, () =>
    random() < 0.4 ? (ends[Math.floor(random() * ends.length)] as number) : (random() - 0.5) * 300,
  )
  const input = { shape: [BATCH, ...shape.slice(1)], data }
  const expected = new Map<string, string>()
  const parts: Uint8Array[] = []
  const output = runGraph(graph, input, {
    multiply(call) {
      const y = multiplyDirectly(call)
      parts.push(new Uint8Array(y.buffer, y.byteOffset, y.byteLength))
      return y
    },
    onValue: (step, value) => expected.set(graph.steps[step]?.name ?? '', bitsOf(value.data)),
  })
  const differs = (where: string) => new Error(`seed ${seed}: ${where} differs`)
  const coins = (_: number, words: Int32Array) => randomWords(words)
  const check = prepareTraceCheck({ graph, kernels: nodeKernels(), columns: 2, random: coins })
  const fault = check.check(input, output, Buffer.concat(parts))
  if (fault !== null) throw differs(`the check (${fault.fault} ${fault.where})`)
  const names = graph.steps.map(({ name }) => name)
  const { kernels } = await machineKernels()
  const safe = kernels === 'exact' ? file : lowerSaturating(file, graph)
  const runs = [
    ['optimised', safe, [graph.output.name], 'all'],
    ['optimised, every tensor kept', safe, names, 'all'],
    ['as it stands', safe, names, 'disabled'],
    ['as a worker loads it', lowerSaturating(lowerTables(file, graph), graph), names, 'disabled'],
  ] as const
  for (const [how, bytes, kept, graphOptimizationLevel] of runs) {
    const session = await InferenceSession.create(withTensors(bytes, graph, kept), {
      graphOptimizationLevel,
      logSeverityLevel: 4,
    })
    const results = await session.run({ x: new Tensor('float32', data, input.shape) })
    for (const name of kept)
      if (bitsOf(results[name]?.data as ArrayLike<number>) !== expected.get(name)) throw differs(`${how}: ${name}`)
    await session.release()
  }
  return 'equal'
}
