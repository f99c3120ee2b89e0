import { digestBytes } from '#verifier/evidence/digest.ts'
import { reasonOf } from '#verifier/evidence/error.ts'
import type { EnginePort, LoadedModel } from '#verifier/evidence/ports/engine.ts'
import type { ProofKind, ProofPorts, ProofSubject } from './proofKind.ts'

const loaded = new WeakMap<EnginePort, Map<string, Promise<LoadedModel>>>()

/** The model is run again on the recorded input, and the outputs are compared bit by bit. */
export const replay: ProofKind = {
  kind: 'replay',
  proves: 'this output is what the model gives on this input',
  assumes: ['floating point: the same runtime version and provider give the same bits on this machine'],
  browser: true,
  async verify(subject, ports) {
    const { request, answer } = subject
    if (request.input.type !== 'tensor' || answer.output.type !== 'tensor') {
      return { ok: false, detail: 'only tensor models can be run again', soundnessBits: null }
    }
    try {
      const model = await load(subject, ports)
      const again = await model.run(request.input.tensor)
      const { dtype, shape, data } = answer.output.tensor
      const same = again.dtype === dtype && again.shape.join() === shape.join() && again.data === data
      return same
        ? { ok: true, detail: 'running the model again gives the same bits', soundnessBits: null }
        : {
            ok: false,
            detail: `worker ${answer.receipt.statement.worker}: running the model again gives another output`,
            soundnessBits: null,
          }
    } catch (error) {
      return { ok: false, detail: `cannot be run again: ${reasonOf(error)}`, soundnessBits: null }
    }
  },
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
