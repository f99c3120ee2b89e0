import { readIntGraph } from '#verifier/model/intGraph.ts'
import { scanOnnx } from './scanOnnx.ts'

/** How the compiler names the graph of an exact-integer model. */
const GRAPH = 'int-exact-v1'

/**
 * Whether a file is an exact-integer model: named so, when it must be one to the letter, or one to the letter all the same. A
 * dynamically quantised model has integer products too, but float scales: it is a float model, served under replay.
 *
 * @throws MODEL_INVALID for one that says it is, and is not
 */
export function isMeantExact(name: string, file: Uint8Array): boolean {
  const { ops, graph } = scanOnnx(file, name)
  if (graph === GRAPH) readIntGraph(file)
  else if (ops.has('MatMulInteger')) {
    try {
      readIntGraph(file)
    } catch {
      return false
    }
  }
  return graph === GRAPH || ops.has('MatMulInteger')
}
