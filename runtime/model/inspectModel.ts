import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { kindsFor } from '#runtime/gateway/chooseProof.ts'
import { machineKernels } from '#runtime/worker/machineKernels.ts'
import { identifyModel } from '#runtime/worker/onnxEngine.ts'
import type { Processor } from '#runtime/worker/processor.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { ModelIdentity } from '#verifier/evidence/records/run.ts'
import { readIntGraph } from '#verifier/model/intGraph.ts'
import { INT_EXACT } from '#verifier/proof/freivalds/openTrace.ts'
import { COMPILED_OPS } from './compile/compileModel.ts'
import { decodeFloatModel } from './compile/floatModel.ts'
import { costsOf, type ModelCosts } from './modelCosts.ts'
import { saturatingOps } from './saturation.ts'

export type Inspection = {
  identity: ModelIdentity
  ops: Record<string, number>
  parameters: number
  kinds: string[]
  /** Of an exact-integer model, for one row. Null for others. */
  costs: ModelCosts | null
  /** This machine's class. */
  processor: Processor
  /** Linear ops of an exact-integer model that saturate on processors without VNNI unless they are run with weights as uint8. */
  saturating: string[]
  /** Of a float model: ops that stand in the way of compiling it. */
  notCompiled: string[]
}

/** What a model file holds, and what its answers can be proven by. @throws FILE_MISSING, MODEL_INVALID */
export async function inspectModel(path: string): Promise<Inspection> {
  const file = readModelFile(path)
  const identity = await identifyModel(basename(path, '.onnx'), file).catch((error: unknown) => {
    throw new WarrantError('MODEL_INVALID', `${path}: ${reasonOf(error)}`, { cause: error })
  })
  const processor = await machineKernels()
  if (identity.numeric === INT_EXACT) {
    const graph = readIntGraph(file)
    return {
      identity,
      ops: count(graph.steps.map(step => step.op)),
      parameters: graph.values.reduce((sum, { constant }) => sum + (constant?.data.length ?? 0), 0),
      kinds: kindsFor(identity),
      costs: costsOf(graph),
      processor,
      saturating: saturatingOps(graph).map(({ spec }) => spec.output),
      notCompiled: [],
    }
  }
  const { nodes, constants } = decodeFloatModel(file)
  const ops = count(nodes.map(node => node.op))
  return {
    identity,
    ops,
    parameters: [...constants.values()].reduce((sum, { data }) => sum + data.length, 0),
    kinds: kindsFor(identity),
    costs: null,
    processor,
    saturating: [],
    notCompiled: Object.keys(ops).filter(op => !COMPILED_OPS.includes(op)),
  }
}

function count(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of [...names].sort()) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

/** The bytes of a model file. @throws FILE_MISSING */
export function readModelFile(path: string): Uint8Array {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw new WarrantError('FILE_MISSING', `${path}: cannot be read`, { cause })
  }
}
