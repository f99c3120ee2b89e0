import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { writeDurably } from '#runtime/log/disk.ts'
import { compileModel, type Loss } from '#runtime/model/compile/compileModel.ts'
import { readModelFile } from '#runtime/model/inspectModel.ts'
import { readNpy } from '#runtime/model/npy.ts'
import { digestBytes } from '#verifier/evidence/digest.ts'
import { WarrantError } from '#verifier/evidence/error.ts'

/** Compiles a file; nothing is written unless the loss is within bounds. @throws BAD_INPUT, FILE_MISSING, BAD_DATA, MODEL_INVALID */
export async function compileFile(
  source: string,
  options: { calibrate: string; out: string; weightBits: string; maxLoss: string },
): Promise<{
  out: string
  digest: string
  bytes: number
  sourceBytes: number
  layers: Loss[]
  loss: number
  samples: number
}> {
  const maxLoss = Number(options.maxLoss)
  if (!(maxLoss > 0 && maxLoss <= 1))
    throw new WarrantError('BAD_INPUT', `--max-loss must be a share above 0 and up to 1, got ${options.maxLoss}`)
  if (options.weightBits !== '7' && options.weightBits !== '8')
    throw new WarrantError('BAD_INPUT', `--weight-bits must be 7 or 8, got ${options.weightBits}`)
  const bytes = readModelFile(source)
  const samples = readNpy(options.calibrate)
  const { file, layers, loss, samples: used } = await compileModel(bytes, samples, options.weightBits === '7' ? 7 : 8)
  if (loss > maxLoss) {
    const worst = [...layers].sort((a, b) => b.loss - a.loss)[0]
    throw new WarrantError(
      'MODEL_INVALID',
      `${source}: in integers the output is ${(100 * loss).toFixed(1)} % away, --max-loss allows ${(100 * maxLoss).toFixed(1)} %${worst === undefined ? '' : `; most is lost in ${worst.op} ${worst.tensor} (${(100 * worst.loss).toFixed(1)} %)`}. Nothing was written: try --weight-bits 8, inputs that are closer to the real ones, or training with quantisation`,
    )
  }
  writeDurably(options.out, file)
  return {
    out: options.out,
    digest: digestBytes('model', file, nodeCrypto),
    bytes: file.length,
    sourceBytes: bytes.length,
    layers,
    loss,
    samples: used,
  }
}
