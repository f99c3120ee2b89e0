import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { makeDirectory, writeDurably } from '#runtime/log/disk.ts'
import { identifyModel, onnxEngine } from '#runtime/worker/onnxEngine.ts'
import { digestBytes } from '#verifier/evidence/digest.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { ModelIdentity } from '#verifier/evidence/records/run.ts'
import { readModelFile } from './inspectModel.ts'

/**
 * Puts a model into a directory that gateways and workers serve from, after loading it as a worker does (an exact-integer
 * model is proven exact on this machine). A name stands for one file: another under the same name is refused.
 *
 * @throws FILE_MISSING, MODEL_INVALID, WORKER_FAILED, BAD_INPUT
 */
export async function registerModel(
  path: string,
  directory: string,
): Promise<{ identity: ModelIdentity; path: string }> {
  const file = readModelFile(path)
  const name = basename(path, '.onnx')
  const identity = await identifyModel(name, file)
  const model = await onnxEngine.load(identity, file)
  await model.close()
  const to = join(directory, `${name}.onnx`)
  if (existsSync(to) && digestBytes('model', readModelFile(to), nodeCrypto) !== identity.digest)
    throw new WarrantError('BAD_INPUT', `${to} is another model: give this one another name`)
  makeDirectory(directory)
  writeDurably(to, file)
  return { identity, path: to }
}
