import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { Kernels } from '#verifier/kernels/openKernels.ts'
import type { IntGraph } from '#verifier/model/intGraph.ts'
import type { ProofKind, ProofPorts, ProofSubject } from '../proofKind.ts'
import { checkTrace, openTrace, readModel, soundnessOf } from './openTrace.ts'
import { prepareTraceCheck, type TraceCheck } from './traceCheck.ts'

/** Columns of coins: 2^-64 for each linear op. */
const COLUMNS = 2

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
    const { kernels, randomWords } = ports
    if (kernels === null) return refuse('cannot be checked: this verifier has no kernels')
    try {
      const model = () => prepare(subject.model, kernels, ports)
      const opened = await openTrace(subject, async () => (await model()).graph, ports)
      if ('detail' in opened) return refuse(opened.detail, opened.convicts)
      const ready = await model()
      const { graph } = ready
      ready.check ??= prepareTraceCheck({ graph, kernels, columns: COLUMNS, random: (_, words) => randomWords(words) })
      const wrong = checkTrace(ready.check, opened, subject)
      if (wrong === null)
        return {
          ok: true,
          detail: `${graph.linear.length} linear ops hold`,
          soundnessBits: soundnessOf(ready.check, graph),
        }
      // Whoever sees which lies are caught could learn the coins.
      ready.check = null
      return { ...refuse(wrong.detail, wrong.convicts), unable: wrong.unable === true }
    } catch (error) {
      // The input is the request's, and the model this side's: neither is the worker's fault.
      const unable = error instanceof WarrantError && (error.code === 'BAD_INPUT' || error.code === 'MODEL_INVALID')
      return { ...refuse(`cannot be checked: ${reasonOf(error)}`), unable }
    }
  },
}

function prepare(model: ProofSubject['model'], kernels: Kernels, ports: ProofPorts): Promise<Prepared> {
  let models = prepared.get(kernels)
  if (models === undefined) {
    models = new Map()
    prepared.set(kernels, models)
  }
  let ready = models.get(model.digest)
  if (ready === undefined) {
    ready = readModel(model, ports).then(graph => ({ graph, check: null }))
    ready.catch(() => models.delete(model.digest))
    models.set(model.digest, ready)
  }
  return ready
}
