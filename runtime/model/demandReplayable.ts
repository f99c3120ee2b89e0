import { WarrantError } from '#verifier/evidence/error.ts'
import { type OnnxScan, scanOnnx } from './scanOnnx.ts'

/** Operations that give something else each time, in any domain. */
const RANDOM = /^(?:.*:)?(?:Random\w*|Multinomial|Bernoulli|\w*Sampling)$/

/**
 * What every model must be before anything loads it: whole in its file, so that its digest names its weights, and with one
 * answer to one input, so that it can be run again.
 *
 * @throws MODEL_INVALID naming what is not
 */
export function demandReplayable(name: string, file: Uint8Array): OnnxScan {
  const scan = scanOnnx(file, name)
  const { ops, external, training } = scan
  if (external.length > 0)
    throw new WarrantError(
      'MODEL_INVALID',
      `model ${name}: ${external[0] || 'a tensor'} lies in another file (external data), so its digest would not name its weights; save the model with its weights inside`,
    )
  const random = [...ops].find(op => RANDOM.test(op)) ?? (training ? 'Dropout in training' : undefined)
  if (random !== undefined)
    throw new WarrantError(
      'MODEL_INVALID',
      `model ${name}: ${random} gives something else each time: nobody could run it again`,
    )
  return scan
}
