import { decodeBase64 } from '#runtime/crypto/base64.ts'
import type { ModelInput } from '#verifier/evidence/records/request.ts'
import type { ModelIdentity } from '#verifier/evidence/records/run.ts'
import { LARGEST_BATCH } from '#verifier/model/runGraph.ts'
import { INT_EXACT } from '#verifier/proof/freivalds/openTrace.ts'

/** Why a request cannot be one to this model, whoever answers it; null when it can. */
export function inputFault(model: ModelIdentity, input: ModelInput): string | null {
  const { name, input: expected, numeric } = model
  if (expected === null) return input.type === 'chat' ? null : `model ${name} takes chat requests, this is a tensor`
  // Whoever runs it says so itself.
  if (input.type !== 'tensor') return null
  const { dtype, shape, data } = input.tensor
  const [rows = 0, ...row] = shape
  const isExact = numeric === INT_EXACT
  const fits = isExact
    ? row.join() === expected.shape.slice(1).join() && rows >= 1 && rows <= LARGEST_BATCH
    : shape.join() === expected.shape.join()
  if (dtype !== expected.dtype || !fits)
    return `model ${name} expects ${expected.dtype}[${isExact ? ['batch', ...expected.shape.slice(1)] : expected.shape}], got ${dtype}[${shape}]`
  if (!isExact) return null
  const at = new Float32Array(decodeBase64(data).buffer).findIndex(value => !Number.isFinite(value))
  return at < 0 ? null : `model ${name}: element ${at} of the input is not a finite number`
}

/** Why something cannot be what this model gives for an input, whatever its numbers; null when it can. */
export function outputFault(model: ModelIdentity, input: ModelInput, output: ModelInput): string | null {
  const { name, output: expected, numeric } = model
  if (expected === null) return output.type === 'chat' ? null : `model ${name} gives text, this is a tensor`
  if (output.type !== 'tensor' || input.type !== 'tensor') return `model ${name} gives tensors, this is text`
  const { dtype, shape } = output.tensor
  if (dtype !== expected.dtype) return `model ${name} gives ${expected.dtype}, this is ${dtype}`
  // Other runtimes may give sizes that the file leaves open.
  if (numeric !== INT_EXACT) return null
  const wanted = [input.tensor.shape[0], ...expected.shape.slice(1)]
  return shape.join() === wanted.join() ? null : `model ${name} gives [${wanted}], this is [${shape}]`
}
