import onnxProto, { type onnx } from 'onnx-proto'
import { beforeAll, describe, expect, test } from 'vitest'
import { compileModel } from '#runtime/model/compile/compileModel.ts'
import { decodeFloatModel } from '#runtime/model/compile/floatModel.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { floatModel, randomSamples } from '../../test/attack/inference/floatModels.ts'
import { seededRandom } from '../../test/fault/seededRandom.ts'
import { readIntGraph } from './intGraph.ts'

const { ModelProto, TensorProto } = onnxProto.onnx
let file: Uint8Array
let source: Uint8Array

beforeAll(async () => {
  const random = seededRandom(1)
  const model = floatModel([1, 4], random)
  source = model.finish(model.linear(model.op('Sigmoid', [model.linear('x', 4, 3)]), 3, 2))
  file = (await compileModel(source, randomSamples(16, [1, 4], random))).file
})

type Graph = onnx.IGraphProto & { node: onnx.INodeProto[]; initializer: onnx.ITensorProto[] }

/** The model after a change; fields that it lacks are made. */
function changed(change: (graph: Graph) => void) {
  const model = ModelProto.decode(file)
  change(model.graph as never)
  return ModelProto.encode(model).finish()
}
const nodeOf = (graph: onnx.IGraphProto, op: string) => graph.node?.find(node => node.opType === op) as onnx.INodeProto

describe('a hostile model file is refused, and says why', () => {
  const HOSTILE: [string, () => Uint8Array, RegExp][] = [
    ['nothing', () => new Uint8Array(0), /opset_import/],
    ['noise', () => Uint8Array.from({ length: 500 }, (_, i) => (i * 97) & 0xff), /model/],
    ['a cycle', () => changed(g => g.node.reverse()), /is not computed before it/],
    ['a value computed twice', () => changed(g => g.node.push(g.node[0] as onnx.INodeProto)), /computed twice/],
    [
      'an unknown op',
      () => changed(g => void Object.assign(nodeOf(g, 'Round'), { opType: 'Ceil' })),
      /Ceil is no operation/,
    ],
    [
      'an op of a foreign domain',
      () => changed(g => void Object.assign(nodeOf(g, 'Round'), { domain: 'ai.example' })),
      /domain/,
    ],
    [
      'an attribute that nobody looks at',
      () => changed(g => nodeOf(g, 'MatMulInteger').attribute?.push({ name: 'x', type: 2, i: 1 })),
      /attribute x/,
    ],
    [
      'a subgraph',
      () => changed(g => nodeOf(g, 'Round').attribute?.push({ name: 'body', type: 5, g: {} })),
      /attribute/,
    ],
    [
      'weights in another file',
      () =>
        changed(
          g =>
            void Object.assign(g.initializer[0] as object, {
              externalData: [{ key: 'location', value: '/etc/passwd' }],
            }),
        ),
      /field 13/,
    ],
    [
      'huge dimensions',
      () => changed(g => void Object.assign(g.initializer[0] as object, { dims: [2 ** 31, 2 ** 31] })),
      /more than|out of range/,
    ],
    [
      'dimensions below one',
      () => changed(g => void Object.assign(g.initializer[0] as object, { dims: [-1] })),
      /no dimension/,
    ],
    [
      'rank 9',
      () => changed(g => void Object.assign(g.initializer[0] as object, { dims: Array(9).fill(1) })),
      /rank 9/,
    ],
    [
      'data that is too short',
      () => changed(g => void Object.assign(g.initializer[0] as object, { rawData: new Uint8Array(1) })),
      /raw_data/,
    ],
    [
      'floats in fields of their own',
      () => changed(g => void Object.assign(g.initializer[0] as object, { floatData: [1] })),
      /field 4/,
    ],
    [
      'a factor that is not a number',
      () =>
        changed(
          g =>
            void Object.assign(floats(g), {
              rawData: new Uint8Array(new Float32Array(elements(floats(g))).fill(Number.NaN).buffer),
            }),
        ),
      /holds NaN/,
    ],
    [
      'a factor of zero',
      () => changed(g => void Object.assign(floats(g), { rawData: new Uint8Array(4 * elements(floats(g))) })),
      /without zeros|fit|Clip|Add|Mul/,
    ],
    [
      'another zero point',
      () => changed(g => void Object.assign(bytes(g), { rawData: Uint8Array.of(127) })),
      /zero point/,
    ],
    [
      'a table whose end is missing',
      () => changed(g => void Object.assign(table(g), { dims: [255], rawData: new Uint8Array(255) })),
      /indices from 1 to 255 of 255/,
    ],
    ['two outputs', () => changed(g => g.output?.push(g.output[0] as onnx.IValueInfoProto)), /exactly one output/],
    [
      'a batch that is fixed',
      () =>
        changed(
          g =>
            void Object.assign(g.input?.[0]?.type?.tensorType?.shape?.dim?.[0] as object, {
              dimParam: undefined,
              dimValue: 4,
            }),
        ),
      /named first axis/,
    ],
    [
      'another output shape',
      () =>
        changed(g => void Object.assign(g.output?.[0]?.type?.tensorType?.shape?.dim?.[1] as object, { dimValue: 99 })),
      /the file says/,
    ],
    [
      'a bomb of nodes',
      () =>
        changed(
          g =>
            void g.node.push(
              ...Array.from({ length: 20_001 }, () => ({ opType: 'Round', input: ['x'], output: ['y'] })),
            ),
        ),
      /20000/,
    ],
    [
      'a name that is no plain text',
      () => changed(g => void Object.assign(g.node[0] as object, { name: 'é' })),
      /plain ASCII/,
    ],
  ]
  const floats = (g: onnx.IGraphProto) =>
    g.initializer?.find(t => t.dataType === TensorProto.DataType.FLOAT) as onnx.ITensorProto
  const bytes = (g: onnx.IGraphProto) =>
    g.initializer?.find(t => t.dataType === TensorProto.DataType.UINT8 && t.rawData?.length === 1) as onnx.ITensorProto
  const table = (g: onnx.IGraphProto) => g.initializer?.find(t => t.rawData?.length === 256) as onnx.ITensorProto
  const elements = (t: onnx.ITensorProto) => (t.rawData?.length ?? 0) / 4

  test.each(HOSTILE)('%s', (_, make, reason) => {
    expect(() => readIntGraph(make())).toThrow(WarrantError)
    expect(() => readIntGraph(make())).toThrow(reason)
  })
})

test('a linear op whose sums could wrap is refused', async () => {
  const random = seededRandom(2)
  const model = floatModel([1, 70_000], random)
  const made = model.finish(model.linear('x', 70_000, 1))
  const { file: wide } = await compileModel(made, randomSamples(2, [1, 70_000], random))
  expect(readIntGraph(wide).linear[0]?.k).toBe(70_000)
  await expect(
    (async () => {
      const wider = floatModel([1, 140_000], random)
      return compileModel(wider.finish(wider.linear('x', 140_000, 1)), randomSamples(2, [1, 140_000], random), 8)
    })(),
  ).rejects.toThrow('products may reach')
})

test.each([1, 2, 3])('any cut, and any changed bytes, end in a graph or in one refusal (seed %i)', seed => {
  const random = seededRandom(seed)
  for (const [bytes, read] of [
    [file, readIntGraph],
    [source, decodeFloatModel],
  ] as const) {
    for (let i = 0; i < 700; i++) {
      const broken = Uint8Array.from(bytes)
      for (let n = 0; n <= i % 4; n++) broken[Math.floor(random() * broken.length)] = Math.floor(random() * 256)
      try {
        read(i % 5 === 0 ? broken.subarray(0, Math.floor(random() * broken.length)) : broken)
      } catch (error) {
        expect(error).toBeInstanceOf(WarrantError)
        expect((error as WarrantError).code).toBe('MODEL_INVALID')
      }
    }
  }
})
