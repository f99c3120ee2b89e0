import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { floatModel, randomSamples } from '../attack/inference/floatModels.ts'
import { seededRandom } from '../fault/seededRandom.ts'
import { warrant } from '../support/warrant.ts'

const dir = mkdtempSync(join(tmpdir(), 'warrant-model-'))
const at = (name: string) => join(dir, name)
afterAll(() => rmSync(dir, { recursive: true }))

/** A NumPy file (NEP 1, version 1). */
function npy(shape: readonly number[], data: Float32Array): Uint8Array {
  const head = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(', ')}), }`
  const padded = `${head}${' '.repeat(63 - ((10 + head.length) % 64))}\n`
  const length = Buffer.alloc(2)
  length.writeUInt16LE(padded.length)
  return Buffer.concat([
    Buffer.from('\x93NUMPY\x01\x00', 'latin1'),
    length,
    Buffer.from(padded),
    Buffer.from(data.buffer),
  ])
}

beforeAll(() => {
  const random = seededRandom(3)
  const model = floatModel([1, 10], random)
  writeFileSync(at('net.onnx'), model.finish(model.linear(model.op('Relu', [model.linear('x', 10, 16)]), 16, 2)))
  const samples = randomSamples(100, [1, 10], random)
  writeFileSync(at('inputs.npy'), npy(samples.shape, samples.data))
  const odd = floatModel([1, 4], random)
  writeFileSync(at('odd.onnx'), odd.finish(odd.op('CumSum', ['x', odd.ints([1], [])])))
})

describe('warrant model', () => {
  test('compile, inspect, bench, register', () => {
    const compiled = warrant([
      'model',
      'compile',
      at('net.onnx'),
      '--calibrate',
      at('inputs.npy'),
      '--out',
      at('int.onnx'),
      '--json',
    ])
    expect(compiled.status).toBe(0)
    const report = JSON.parse(compiled.stdout)
    expect(report.loss).toBeGreaterThan(0)
    expect(report.loss).toBeLessThan(0.1)
    expect(report.layers.length).toBe(1)

    const seen = JSON.parse(warrant(['model', 'inspect', at('int.onnx'), '--json']).stdout)
    expect(seen).toMatchObject({
      identity: {
        numeric: 'int-exact-v1',
        digest: report.digest,
        input: { shape: [1, 10] },
        output: { shape: [1, 2] },
      },
      kinds: ['signed', 'freivalds', 'replay'],
      costs: { linearOps: 2, multiplications: 10 * 16 + 16 * 2, traceBytes: 4 * 18 },
    })
    expect(JSON.parse(warrant(['model', 'inspect', at('net.onnx'), '--json']).stdout)).toMatchObject({
      kinds: ['signed', 'replay'],
      notCompiled: [],
    })
    const benched = JSON.parse(warrant(['model', 'bench', at('int.onnx'), '--json']).stdout)
    expect(benched.batches.map((row: { batch: number }) => row.batch)).toEqual([1, 16, 64])

    const registered = warrant(['model', 'register', at('int.onnx'), '--models', at('models'), '--json'])
    expect(JSON.parse(registered.stdout).identity.digest).toBe(report.digest)
    expect(existsSync(at('models/int.onnx'))).toBe(true)
    // A name stands for one model.
    writeFileSync(at('models/net.onnx'), 'another')
    const taken = warrant(['model', 'register', at('net.onnx'), '--models', at('models')])
    expect([taken.status, taken.stderr]).toEqual([2, expect.stringContaining('is another model')])
  })

  test('what it cannot do: one message, exit 2, nothing written', () => {
    const compile = (...args: string[]) => warrant(['model', 'compile', ...args, '--out', at('never.onnx')])
    const cases: [string[], RegExp][] = [
      [[at('net.onnx'), '--calibrate', at('inputs.npy'), '--max-loss', '0.0001'], /--max-loss allows/],
      [
        [at('odd.onnx'), '--calibrate', at('inputs.npy')],
        /CumSum.*no such operation is compiled.*signed and replay remain/,
      ],
      [[at('net.onnx'), '--calibrate', at('net.onnx')], /is no NumPy file/],
      [[at('inputs.npy'), '--calibrate', at('inputs.npy')], /ONNX|graph/],
      [[at('none.onnx'), '--calibrate', at('inputs.npy')], /cannot be read/],
      [[at('net.onnx'), '--calibrate', at('inputs.npy'), '--weight-bits', '4'], /must be 7 or 8/],
    ]
    for (const [args, reason] of cases) {
      const { status, stderr } = compile(...args)
      expect([status, stderr]).toEqual([2, expect.stringMatching(reason)])
      expect(existsSync(at('never.onnx'))).toBe(false)
    }
  })
})
