import { fromBase64 } from '#verifier/evidence/bytes.ts'
import { digestBytes } from '#verifier/evidence/digest.ts'
import { reasonOf } from '#verifier/evidence/error.ts'
import type { Kernels } from '#verifier/kernels/openKernels.ts'
import { type IntGraph, readIntGraph } from '#verifier/model/intGraph.ts'
import type { ProofKind, ProofPorts, ProofSubject } from '../proofKind.ts'
import { prepareTraceCheck, type TraceCheck } from './traceCheck.ts'

/** Columns of coins: 2^-64 for each linear op. */
const COLUMNS = 2

/** How exact-integer models name their numbers in an identity. */
export const INT_EXACT = 'int-exact-v1'

type Prepared = { graph: IntGraph; check: TraceCheck | null }
const prepared = new WeakMap<Kernels, Map<string, Promise<Prepared>>>()

/**
 * The model's linear ops were computed right, by their accumulators and secret coins; everything else is recomputed
 * (evidence.md §4.1). Private coins: drawn once per model and process, never logged, thrown away after a failure.
 */
export const freivalds: ProofKind = {
  kind: 'freivalds',
  proves: 'this output is what the exact-integer model gives on this input',
  assumes: ["the verifier's random numbers are unknown to the worker"],
  browser: true,
  async verify(subject, ports) {
    const refuse = (detail: string, convicts = false) => ({ ok: false, detail, soundnessBits: null, convicts })
    const { request, answer, model } = subject
    const { worker, traceDigest } = answer.receipt.statement
    if (answer.proof.kind !== 'freivalds') return refuse('the answer carries no trace')
    if (traceDigest === null) return refuse(`worker ${worker} signed no trace`, true)
    if (request.input.type !== 'tensor' || answer.output.type !== 'tensor' || request.numeric !== INT_EXACT)
      return refuse(`only ${INT_EXACT} models leave a trace`)
    const [input, output] = [request.input.tensor, answer.output.tensor]
    if (input.dtype !== 'float32' || output.dtype !== 'float32') return refuse('input and output must be float32')
    try {
      const trace =
        'inline' in answer.proof.trace ? fromBase64(answer.proof.trace.inline) : await ports.blob(answer.proof.trace)
      if (digestBytes('trace', trace, ports.crypto) !== traceDigest)
        return refuse(`worker ${worker}: the trace does not have the digest of the receipt`)
      const ready = await prepare(subject, ports)
      if (output.shape.join() !== [input.shape[0], ...ready.graph.output.shape.slice(1)].join())
        return refuse(`worker ${worker}: the output has the shape [${output.shape}]`, true)
      ready.check ??= withCoins(ready.graph, ports)
      const fault = ready.check.check({ shape: input.shape, data: floats(input.data) }, floats(output.data), trace)
      if (fault === null) {
        const bits = Math.floor(ready.check.soundnessBits - Math.log2(ready.graph.linear.length))
        return { ok: true, detail: `${ready.graph.linear.length} linear ops hold`, soundnessBits: bits }
      }
      // Whoever sees which lies are caught could learn the coins.
      ready.check = null
      return refuse(`worker ${worker}: ${fault.fault}: ${fault.where} of model ${model.name}`, fault.fault !== 'input')
    } catch (error) {
      return refuse(`cannot be checked: ${reasonOf(error)}`)
    }
  },
}

function withCoins(graph: IntGraph, { kernels, randomWords }: ProofPorts): TraceCheck {
  if (kernels === null) throw new Error('this verifier has no kernels')
  return prepareTraceCheck({ graph, kernels, columns: COLUMNS, random: (_, words) => randomWords(words) })
}

function prepare({ model }: ProofSubject, ports: ProofPorts): Promise<Prepared> {
  const { kernels, crypto } = ports
  if (kernels === null) throw new Error('this verifier has no kernels')
  let models = prepared.get(kernels)
  if (models === undefined) {
    models = new Map()
    prepared.set(kernels, models)
  }
  let ready = models.get(model.digest)
  if (ready === undefined) {
    ready = ports.modelFile(model).then(file => {
      if (digestBytes('model', file, crypto) !== model.digest)
        throw new Error('the model file does not have its digest')
      return { graph: readIntGraph(file), check: null }
    })
    ready.catch(() => models.delete(model.digest))
    models.set(model.digest, ready)
  }
  return ready
}

function floats(base64: string): Float32Array {
  // Copied: base64 may leave the bytes anywhere in a shared buffer.
  return new Float32Array(new Uint8Array(fromBase64(base64)).buffer)
}
