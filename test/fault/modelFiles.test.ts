import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import onnxProto, { type onnx } from 'onnx-proto'
import { afterAll, describe, expect, test } from 'vitest'
import { registerModel } from '#runtime/model/registerModel.ts'
import { scanOnnx } from '#runtime/model/scanOnnx.ts'
import { identifyModel, onnxEngine } from '#runtime/worker/onnxEngine.ts'
import { float32Tensor } from '#verifier/evidence/tensor.ts'
import { readIntGraph } from '#verifier/model/intGraph.ts'
import { INT_EXACT } from '#verifier/proof/freivalds/openTrace.ts'

const { ModelProto, TensorProto } = onnxProto.onnx
const { FLOAT, UINT8, INT8, BOOL } = TensorProto.DataType
const dir = mkdtempSync(join(tmpdir(), 'warrant-models-'))
afterAll(() => rmSync(dir, { recursive: true }))

const value = (name: string, elemType: number, dims: (number | string)[]): onnx.IValueInfoProto => ({
  name,
  type: {
    tensorType: {
      elemType,
      shape: { dim: dims.map(dim => (typeof dim === 'string' ? { dimParam: dim } : { dimValue: dim })) },
    },
  },
})
const tensorOf = (name: string, dataType: number, dims: number[], rawData: Uint8Array): onnx.ITensorProto => ({
  name,
  dataType,
  dims,
  rawData,
})
const floats = (name: string, dims: number[], values: number[]) =>
  tensorOf(name, FLOAT, dims, new Uint8Array(Float32Array.from(values).buffer))
const modelOf = (graph: onnx.IGraphProto, more: object = {}) =>
  ModelProto.encode({
    irVersion: 8,
    opsetImport: [{ domain: '', version: 17 }],
    graph: { name: 'g', input: [value('x', FLOAT, [1, 4])], output: [value('y', FLOAT, [1, 4])], ...graph },
    ...more,
  }).finish()

/** Refused wherever a model comes in: by its name, before anything loads it. */
async function refusedEverywhere(
  file: Uint8Array,
  reason: RegExp,
  numerics = [onnxEngine.runtime, INT_EXACT],
): Promise<void> {
  await expect(identifyModel('m', file)).rejects.toMatchObject({
    code: 'MODEL_INVALID',
    shortMessage: expect.stringMatching(reason),
  })
  const identity = {
    name: 'm',
    digest: '00'.repeat(32),
    numeric: onnxEngine.runtime,
    file: null,
    input: { name: 'x', dtype: 'float32' as const, shape: [1, 4] },
    output: { name: 'y', dtype: 'float32' as const, shape: [1, 4] },
  }
  for (const numeric of numerics) await expect(onnxEngine.load({ ...identity, numeric }, file)).rejects.toThrow(reason)
  const path = join(dir, 'm.onnx')
  writeFileSync(path, file)
  await expect(registerModel(path, join(dir, 'registered'))).rejects.toThrow(reason)
}

describe('a model whose weights lie in another file is refused, wherever it says so', () => {
  const external = {
    name: 'w',
    dataType: FLOAT,
    dims: [1, 4],
    dataLocation: 1,
    externalData: [{ key: 'location', value: 'w.bin' }],
  }
  const constant = { opType: 'Constant', output: ['w'], attribute: [{ name: 'value', type: 4, t: external }] }
  const branch = { name: 'b', node: [constant], output: [value('w', FLOAT, [1, 4])] }
  const add = { opType: 'Add', input: ['x', 'w'], output: ['y'] }
  test.each([
    ['an initializer', { node: [add], initializer: [external] }],
    ['an initializer that only names a place', { node: [add], initializer: [{ ...external, dataLocation: 0 }] }],
    ['a constant node', { node: [constant, add] }],
    [
      'a branch',
      {
        node: [
          {
            opType: 'If',
            input: ['c'],
            output: ['y'],
            attribute: [
              { name: 'then_branch', type: 5, g: branch },
              { name: 'else_branch', type: 5, g: branch },
            ],
          },
        ],
        initializer: [tensorOf('c', BOOL, [], Uint8Array.of(1))],
      },
    ],
  ] as [string, onnx.IGraphProto][])('%s', async (_where, graph) => {
    writeFileSync(join(dir, 'w.bin'), new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer))
    await refusedEverywhere(modelOf(graph), /lies in another file \(external data\)/)
    expect(readdirSync(dir)).not.toContain('registered')
  })
})

describe('a model that gives something else each time is refused', () => {
  const shape = { name: 'shape', type: 7, ints: [1, 4] }
  test.each([
    [
      'RandomNormal',
      {
        node: [
          { opType: 'RandomNormal', output: ['r'], attribute: [shape] },
          { opType: 'Add', input: ['x', 'r'], output: ['y'] },
        ],
      },
    ],
    ['RandomUniformLike', { node: [{ opType: 'RandomUniformLike', input: ['x'], output: ['y'] }] }],
    ['Bernoulli', { node: [{ opType: 'Bernoulli', input: ['x'], output: ['y'] }] }],
    [
      'Dropout in training',
      {
        node: [{ opType: 'Dropout', input: ['x', '', 't'], output: ['y'] }],
        initializer: [tensorOf('t', BOOL, [], Uint8Array.of(1))],
      },
    ],
    [
      'com.microsoft:Sampling',
      { node: [{ opType: 'Sampling', domain: 'com.microsoft', input: ['x'], output: ['y'] }] },
    ],
  ] as [string, onnx.IGraphProto][])('%s', async (op, graph) => {
    await refusedEverywhere(modelOf(graph), new RegExp(`${op} gives something else each time`))
  })

  test('in a branch, and in a function', async () => {
    const inner = {
      name: 'b',
      node: [{ opType: 'RandomNormal', output: ['w'], attribute: [shape] }],
      output: [value('w', FLOAT, [1, 4])],
    }
    const node = {
      opType: 'If',
      input: ['c'],
      output: ['y'],
      attribute: [
        { name: 'then_branch', type: 5, g: inner },
        { name: 'else_branch', type: 5, g: inner },
      ],
    }
    await refusedEverywhere(
      modelOf({ node: [node], initializer: [tensorOf('c', BOOL, [], Uint8Array.of(1))] }),
      /RandomNormal/,
    )
    // Functions are field 25 of a model, their nodes field 7: this library does not write them.
    const random = Buffer.from('\x22\x0dRandomUniform', 'latin1')
    const fn = Buffer.concat([Buffer.from([0x3a, random.length]), random])
    const file = Buffer.concat([
      modelOf({ node: [{ opType: 'Relu', input: ['x'], output: ['y'] }] }),
      Buffer.from([0xca, 0x01, fn.length]),
      fn,
    ])
    await refusedEverywhere(file, /RandomUniform/)
  })
})

describe('reading a model is bounded by its bytes', () => {
  test('16 MB of empty nodes', async () => {
    const nodes = Buffer.alloc(16 * 2 ** 20)
    for (let i = 0; i < nodes.length; i += 2) nodes[i] = 0x0a
    const length = [0, 7, 14, 21].map(shift => ((nodes.length >> shift) & 127) | (shift < 21 ? 128 : 0))
    const opset = Buffer.from([0x42, 0x02, 0x10, 0x11])
    const file = Buffer.concat([opset, Buffer.from([0x3a, ...length]), nodes])
    await refusedEverywhere(file, /more than 20000 nodes/)
    expect(() => readIntGraph(file)).toThrow('stands more than')
  })

  test('a tensor that says it has 2^60 elements, a graph in a graph in a graph, a file that ends early', () => {
    const huge = { name: 'w', dataType: FLOAT, dims: [2 ** 30, 2 ** 30] }
    expect(() => scanOnnx(modelOf({ node: [], initializer: [huge] }), 'm')).toThrow('more than 268435456 elements')
    let graph: onnx.IGraphProto = { name: 'innermost' }
    for (let i = 0; i < 40; i++)
      graph = { name: 'g', node: [{ opType: 'If', attribute: [{ name: 'then_branch', type: 5, g: graph }] }] }
    expect(() => scanOnnx(modelOf(graph), 'm')).toThrow('graphs lie in graphs')
    const file = modelOf({ node: [{ opType: 'Relu', input: ['x'], output: ['y'] }] })
    expect(() => scanOnnx(file.subarray(0, file.length - 3), 'm')).toThrow('is no ONNX file')
  })

  test('some hundred bytes that ask for days of products, or for all memory', async () => {
    const zero = tensorOf('z', UINT8, [], Uint8Array.of(128))
    const scalars = { s: 1, least: 1, most: 255, shift: 128 }
    const constants = Object.entries(scalars).map(([name, number]) => floats(name, [], [number]))
    const quantise = [
      { opType: 'Mul', input: ['x', 's'], output: ['a'] },
      { opType: 'Round', input: ['a'], output: ['b'] },
      { opType: 'Add', input: ['b', 'shift'], output: ['c'] },
      { opType: 'Clip', input: ['c', 'least', 'most'], output: ['d'] },
      { opType: 'Cast', input: ['d'], output: ['q'], attribute: [{ name: 'to', type: 2, i: 2 }] },
    ]
    const scale = [
      { opType: 'Cast', input: ['p'], output: ['f'], attribute: [{ name: 'to', type: 2, i: 1 }] },
      { opType: 'Mul', input: ['f', 's'], output: ['y'] },
    ]
    const size = 2 ** 13
    const square = ModelProto.encode({
      irVersion: 8,
      opsetImport: [{ domain: '', version: 17 }],
      graph: {
        name: 'int-exact-v1',
        node: [...quantise, { opType: 'MatMulInteger', input: ['q', 'q', 'z', 'z'], output: ['p'] }, ...scale],
        initializer: [...constants, zero],
        input: [value('x', FLOAT, ['batch', size, size])],
        output: [value('y', FLOAT, ['batch', size, size])],
      },
    }).finish()
    expect(square.length).toBeLessThan(1_000)
    await refusedEverywhere(square, /products in all|elements in all/, [INT_EXACT])
  })
})

describe('a dynamically quantised model is a float model', () => {
  test('it is registered and runs under replay, though it has integer products', async () => {
    const weights = tensorOf('w', INT8, [4, 4], new Uint8Array(Int8Array.from({ length: 16 }, (_, i) => i - 8).buffer))
    const file = modelOf({
      node: [
        { opType: 'DynamicQuantizeLinear', input: ['x'], output: ['q', 'qs', 'qz'] },
        { opType: 'MatMulInteger', input: ['q', 'w', 'qz'], output: ['p'] },
        { opType: 'Cast', input: ['p'], output: ['f'], attribute: [{ name: 'to', type: 2, i: 1 }] },
        { opType: 'Mul', input: ['f', 'qs'], output: ['y'] },
      ],
      initializer: [weights],
    })
    const path = join(dir, 'dynamic.onnx')
    writeFileSync(path, file)
    const { identity } = await registerModel(path, join(dir, 'served'))
    expect(identity.numeric).toBe(onnxEngine.runtime)
    const model = await onnxEngine.load(identity, file)
    expect((await model.run(float32Tensor([1, 2, 3, 4], [1, 4]))).shape).toEqual([1, 4])
    await model.close()
  })

  test('one that says it is int-exact-v1 must be it to the letter', async () => {
    const file = modelOf({ name: 'int-exact-v1', node: [{ opType: 'Relu', input: ['x'], output: ['y'] }] })
    await expect(identifyModel('m', file)).rejects.toThrow('int-exact-v1')
  })
})
