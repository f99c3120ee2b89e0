import { digestBytes } from '#verifier/evidence/digest.ts'
import { reasonOf } from '#verifier/evidence/error.ts'
import type { EnginePort, LoadedModel } from '#verifier/evidence/ports/engine.ts'
import type { Tensor } from '#verifier/evidence/tensor.ts'
import { INT_EXACT } from './freivalds/openTrace.ts'
import type { ProofKind, ProofPorts, ProofSubject } from './proofKind.ts'

const loaded = new WeakMap<EnginePort, Map<string, Promise<LoadedModel>>>()

/** Inputs of one model that run together. */
const BATCH = 64

type Found = { ok: boolean; detail: string; soundnessBits: null; convicts: boolean; unable?: boolean }
const refuse = (detail: string, convicts = false): Found => ({ ok: false, detail, soundnessBits: null, convicts })

/** The model is run again on the recorded input, and the outputs are compared bit by bit. */
export const replay: ProofKind = {
  kind: 'replay',
  proves: 'this output is what the model gives on this input',
  assumes: ['floating point: the same runtime version and provider give the same bits on this machine'],
  browser: true,
  async verify(subject, ports) {
    const [found] = await replayMany([subject], ports)
    return found as Found
  },
}

/** The same for many answers, in their order: requests of one exact-integer model run together, 64 at a time. */
export async function replayMany(subjects: readonly ProofSubject[], ports: ProofPorts): Promise<Found[]> {
  const found: Found[] = []
  const byModel = new Map<string, number[]>()
  for (const [i, { request }] of subjects.entries()) {
    const key = `${request.model} ${request.numeric}`
    byModel.set(key, [...(byModel.get(key) ?? []), i])
  }
  for (const places of byModel.values()) {
    for (let from = 0; from < places.length; from += BATCH) {
      const part = places.slice(from, from + BATCH)
      const reports = await runAgain(
        part.map(i => subjects[i] as ProofSubject),
        ports,
      )
      for (const [at, i] of part.entries()) found[i] = reports[at] as Found
    }
  }
  return found
}

/** Answers of one model. */
async function runAgain(subjects: readonly ProofSubject[], ports: ProofPorts): Promise<Found[]> {
  const tensors = subjects.map(({ request: { input } }) => (input.type === 'tensor' ? input.tensor : null))
  const inputs = tensors.filter(tensor => tensor !== null)
  try {
    const model = inputs.length === 0 ? null : await load(subjects[0] as ProofSubject, ports)
    if (model?.runBatch !== undefined && inputs.length > 1) {
      // One input that it refuses must not take the others with it: then each runs alone.
      const outputs = await model.runBatch(inputs).catch(() => null)
      if (outputs !== null) {
        let next = 0
        return subjects.map((subject, i) =>
          tensors[i] === null ? compare(subject, null) : compare(subject, outputs[next++] as Tensor),
        )
      }
    }
    return await Promise.all(
      subjects.map(async (subject, i) => {
        const input = tensors[i]
        if (input == null || model === null) return compare(subject, null)
        return model.run(input).then(output => compare(subject, output), cannot)
      }),
    )
  } catch (error) {
    return subjects.map(() => cannot(error))
  }
}

const cannot = (error: unknown): Found => ({ ...refuse(`cannot be run again: ${reasonOf(error)}`), unable: true })

/** An answer beside what running again gave; null: its input or output is no tensor. */
function compare({ answer, request }: ProofSubject, again: Tensor | null): Found {
  if (again === null || answer.output.type !== 'tensor') return refuse('only tensor models can be run again')
  const { dtype, shape, data } = answer.output.tensor
  const same = again.dtype === dtype && again.shape.join() === shape.join() && again.data === data
  if (same)
    return { ok: true, detail: 'running the model again gives the same bits', soundnessBits: null, convicts: false }
  const { worker } = answer.receipt.statement
  // Integers have one answer on every machine; floating point may differ where nobody lied.
  return request.numeric === INT_EXACT
    ? refuse(`worker ${worker}: running the model again gives another output`, true)
    : {
        ...refuse(`worker ${worker}: running the model again gives other bits, which floating point may do`),
        unable: true,
      }
}

function load({ model, request }: ProofSubject, { engine, modelFile, crypto }: ProofPorts): Promise<LoadedModel> {
  if (engine === null) throw new Error('this verifier has no engine')
  if (!engine.supports(request.numeric))
    throw new Error(`this verifier runs ${engine.runtime}, the request names ${request.numeric}`)
  let models = loaded.get(engine)
  if (models === undefined) {
    models = new Map()
    loaded.set(engine, models)
  }
  let ready = models.get(model.digest)
  if (ready === undefined) {
    ready = modelFile(model).then(file => {
      if (digestBytes('model', file, crypto) !== model.digest)
        throw new Error('the model file does not have its digest')
      return engine.load(model, file)
    })
    ready.catch(() => models.delete(model.digest))
    models.set(model.digest, ready)
  }
  return ready
}
