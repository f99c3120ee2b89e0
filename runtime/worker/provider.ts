import onnxProto from 'onnx-proto'
import { InferenceSession, listSupportedBackends } from 'onnxruntime-node'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'

/** What a worker runs models on, as onnxruntime names it. */
export const PROVIDERS = ['cpu', 'cuda', 'webgpu'] as const
export type Provider = (typeof PROVIDERS)[number]

/** A provider by its name. @throws BAD_INPUT */
export function providerNamed(name: string): Provider {
  const found = PROVIDERS.find(provider => provider === name)
  if (found !== undefined) return found
  throw new WarrantError('BAD_INPUT', `--provider ${name}: there are ${PROVIDERS.join(', ')}`)
}

/** Opens a model of one addition on the provider: onnxruntime says only then whether it is there. @throws WORKER_FAILED */
export async function demandProvider(provider: Provider): Promise<void> {
  const [shape, elemType] = [{ dim: [{ dimValue: 1 }] }, onnxProto.onnx.TensorProto.DataType.FLOAT]
  const value = (name: string) => ({ name, type: { tensorType: { elemType, shape } } })
  const file = onnxProto.onnx.ModelProto.encode({
    irVersion: 8,
    opsetImport: [{ domain: '', version: 17 }],
    graph: {
      name: 'probe',
      node: [{ opType: 'Add', input: ['x', 'x'], output: ['y'] }],
      input: [value('x')],
      output: [value('y')],
    },
  }).finish()
  try {
    await (await InferenceSession.create(file, { executionProviders: [provider], logSeverityLevel: 4 })).release()
  } catch (cause) {
    const here = listSupportedBackends().map(({ name, bundled }) => `${name}${bundled ? '' : ' (needs its libraries)'}`)
    throw new WarrantError(
      'WORKER_FAILED',
      `provider ${provider} does not start: ${reasonOf(cause).slice(0, 300)}; this build of onnxruntime knows ${here.join(', ')}`,
      { cause },
    )
  }
}
