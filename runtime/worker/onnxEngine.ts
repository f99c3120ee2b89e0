import { createRequire } from 'node:module'
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node'
import { decodeBase64, encodeBase64 } from '#runtime/crypto/base64.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { demandReplayable } from '#runtime/model/demandReplayable.ts'
import { isMeantExact } from '#runtime/model/isMeantExact.ts'
import { canonicalize } from '#verifier/evidence/canonical.ts'
import { digestBytes } from '#verifier/evidence/digest.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { EnginePort, LoadedModel } from '#verifier/evidence/ports/engine.ts'
import type { ModelIdentity } from '#verifier/evidence/records/run.ts'
import type { Tensor } from '#verifier/evidence/tensor.ts'
import { INT_EXACT } from '#verifier/proof/freivalds/openTrace.ts'
import { describeIntModel, loadIntModel } from './intModel.ts'
import { vectorsHere } from './processor.ts'
import type { Provider } from './provider.ts'

const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string }

const OPTIONS: InferenceSession.SessionOptions = {
  // One thread and sequential execution: the order of additions, and so every bit, is the same in each run.
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  graphOptimizationLevel: 'all',
  logSeverityLevel: 4,
}

/**
 * Floating point gives other bits where the kernels are others: by provider, and on a CPU by the width of its vectors. So
 * an identity names both, and only machines of that class run it.
 */
const runtimeOn = (provider: Provider) =>
  `onnxruntime-node@${version}/${provider}${provider === 'cpu' ? `/${vectorsHere()}` : ''}`

/**
 * The engine port on one of onnxruntime's providers: float32 in, float32 out, one thread. Floating-point models run where
 * their identity says; exact-integer ones on any provider whose kernels prove exact when the model is loaded.
 */
export function createOnnxEngine(provider: Provider): EnginePort {
  const runtime = runtimeOn(provider)
  return {
    runtime,
    supports: numeric => numeric === runtime || numeric === INT_EXACT,
    load: (identity, file) =>
      identity.numeric === INT_EXACT
        ? loadIntModel(identity, file, { provider })
        : loadFloatModel(identity, file, provider),
  }
}

/** The engine on the CPU. */
export const onnxEngine: EnginePort = createOnnxEngine('cpu')

async function loadFloatModel(identity: ModelIdentity, file: Uint8Array, provider: Provider): Promise<LoadedModel> {
  const session = await createSession(identity.name, file, provider)
  const described = describe(session, identity.name)
  for (const side of ['input', 'output'] as const) {
    const [actual, expected] = [canonicalize(described[side]), canonicalize(identity[side])]
    if (actual !== expected)
      throw new WarrantError('MODEL_INVALID', `model ${identity.name}: its ${side} is ${actual}, expected ${expected}`)
  }
  return loaded(session, identity)
}

/** The identity of a model file, by loading it. @throws MODEL_INVALID */
export async function identifyModel(name: string, file: Uint8Array): Promise<ModelIdentity> {
  // Before onnxruntime sees it: a graph that claims more than it may is refused while it is read.
  const isInteger = isMeantExact(name, file)
  const session = await createSession(name, file, 'cpu')
  try {
    const described = isInteger ? describeIntModel(file) : describe(session, name)
    return {
      name,
      digest: digestBytes('model', file, nodeCrypto),
      numeric: isInteger ? INT_EXACT : runtimeOn('cpu'),
      file: { sha256: Buffer.from(nodeCrypto.sha256(file)).toString('hex'), size: file.length },
      ...described,
    }
  } finally {
    await session.release()
  }
}

async function createSession(name: string, file: Uint8Array, provider: Provider): Promise<InferenceSession> {
  demandReplayable(name, file)
  try {
    return await InferenceSession.create(file, { ...OPTIONS, executionProviders: [provider] })
  } catch (cause) {
    throw new WarrantError('MODEL_INVALID', `model ${name}: onnxruntime does not load it: ${reasonOf(cause)}`, {
      cause,
    })
  }
}

function describe(session: InferenceSession, name: string): Pick<ModelIdentity, 'input' | 'output'> {
  const one = (side: string, metadata: readonly InferenceSession.ValueMetadata[]) => {
    const [value] = metadata
    if (
      metadata.length !== 1 ||
      !value?.isTensor ||
      value.type !== 'float32' ||
      value.shape.slice(1).some(size => typeof size !== 'number' || size < 1)
    ) {
      throw new WarrantError('MODEL_INVALID', `model ${name}: needs exactly one float32 ${side} of fixed shape`)
    }
    // A first axis that is the batch's is asked for one row at a time.
    const shape = value.shape.map((size, axis) => (axis === 0 && !(typeof size === 'number' && size > 0) ? 1 : size))
    return { name: value.name, dtype: 'float32' as const, shape: shape as number[] }
  }
  return { input: one('input', session.inputMetadata), output: one('output', session.outputMetadata) }
}

function loaded(session: InferenceSession, identity: ModelIdentity): LoadedModel {
  const { input, output } = identity
  if (input === null || output === null)
    throw new WarrantError('MODEL_INVALID', `model ${identity.name} has no described input`)
  return {
    async run(tensor): Promise<Tensor> {
      if (tensor.dtype !== input.dtype || tensor.shape.join() !== input.shape.join()) {
        throw new WarrantError(
          'BAD_INPUT',
          `model ${identity.name}: expects ${input.dtype}[${input.shape}], got ${tensor.dtype}[${tensor.shape}]`,
        )
      }
      const bytes = decodeBase64(tensor.data)
      const feeds = {
        [input.name]: new OrtTensor(
          'float32',
          new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4),
          input.shape,
        ),
      }
      const result = (await session.run(feeds))[output.name]
      if (result === undefined)
        throw new WarrantError('MODEL_INVALID', `model ${identity.name}: no output ${output.name}`)
      const data = result.data as Float32Array
      return {
        dtype: 'float32',
        shape: [...result.dims],
        data: encodeBase64(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
      }
    },
    close: () => session.release(),
  }
}
