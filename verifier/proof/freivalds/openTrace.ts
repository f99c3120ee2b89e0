import { fromBase64 } from '#verifier/evidence/bytes.ts'
import { digestBytes } from '#verifier/evidence/digest.ts'
import { proofIn } from '#verifier/evidence/records/proof.ts'
import { type IntGraph, readIntGraph } from '#verifier/model/intGraph.ts'
import type { ProofPorts, ProofSubject } from '../proofKind.ts'
import type { TraceCheck } from './traceCheck.ts'

/** How exact-integer models name their numbers in an identity. */
export const INT_EXACT = 'int-exact-v1'

/** What is wrong with an answer, and whether what the worker itself signed shows it. */
export type TraceRefusal = { detail: string; convicts: boolean; unable?: boolean }

/** An answer whose parts are there, of the right kinds, shapes and digests; nothing is computed yet. */
export type OpenedTrace = {
  input: { shape: readonly number[]; data: Float32Array }
  output: Float32Array
  bytes: Uint8Array
}

/** The graph of a model, from the file that has its digest. @throws Error, MODEL_INVALID, EVIDENCE_MISSING */
export async function readModel(model: ProofSubject['model'], ports: ProofPorts): Promise<IntGraph> {
  const file = await ports.modelFile(model)
  if (digestBytes('model', file, ports.crypto) !== model.digest)
    throw new Error('the model file does not have its digest')
  return readIntGraph(file)
}

/** Opens an answer's trace: all that is checked before arithmetic (evidence.md §4.1, 6). @throws EVIDENCE_MISSING */
export async function openTrace(
  { request, answer }: Pick<ProofSubject, 'request' | 'answer'>,
  graph: () => Promise<IntGraph>,
  ports: ProofPorts,
): Promise<OpenedTrace | TraceRefusal> {
  const refuse = (detail: string, convicts = false) => ({ detail, convicts })
  const { worker, traceDigest } = answer.receipt.statement
  const proof = proofIn(answer.proof, 'freivalds')
  if (proof === null) return refuse('the answer carries no trace')
  if (traceDigest === null) return refuse(`worker ${worker} signed no trace`, true)
  if (request.input.type !== 'tensor' || answer.output.type !== 'tensor' || request.numeric !== INT_EXACT)
    return refuse(`only ${INT_EXACT} models leave a trace`)
  const [input, output] = [request.input.tensor, answer.output.tensor]
  if (input.dtype !== 'float32' || output.dtype !== 'float32') return refuse('input and output must be float32')
  const { trace } = proof
  const bytes = 'inline' in trace ? fromBase64(trace.inline) : await ports.blob(trace)
  if (digestBytes('trace', bytes, ports.crypto) !== traceDigest)
    return refuse(`worker ${worker}: the trace does not have the digest of the receipt`)
  const rows = (await graph()).output.shape.slice(1)
  if (output.shape.join() !== [input.shape[0], ...rows].join())
    return refuse(`worker ${worker}: the output has the shape [${output.shape}]`, true)
  return { input: { shape: input.shape, data: floats(input.data) }, output: floats(output.data), bytes }
}

/** Checks an opened trace. @returns what is wrong, or null */
export function checkTrace(
  check: TraceCheck,
  { input, output, bytes }: OpenedTrace,
  { answer, model }: Pick<ProofSubject, 'answer' | 'model'>,
): TraceRefusal | null {
  const fault = check.check(input, output, bytes)
  if (fault === null) return null
  const { worker } = answer.receipt.statement
  return {
    detail: `worker ${worker}: ${fault.fault}: ${fault.where} of model ${model.name}`,
    convicts: fault.fault !== 'input',
    unable: fault.fault === 'input',
  }
}

/** −log2 of the chance that a wrong answer passes: any of the linear ops may be the wrong one. */
export function soundnessOf(check: TraceCheck, graph: IntGraph): number {
  return Math.floor(check.soundnessBits - Math.log2(graph.linear.length))
}

function floats(base64: string): Float32Array {
  // Copied: base64 may leave the bytes anywhere in a shared buffer.
  return new Float32Array(new Uint8Array(fromBase64(base64)).buffer)
}
