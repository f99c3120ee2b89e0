import { describe, expect, test } from 'vitest'
import { nodeKernels } from '#runtime/crypto/nodeKernels.ts'
import { binary, cast, clip, unary } from '#verifier/model/elementwise.ts'
import type { Step } from '#verifier/model/intGraph.ts'
import { gather } from '#verifier/model/layout.ts'
import type { OnnxType } from '#verifier/model/onnxFile.ts'
import type { OpDefinition } from '#verifier/model/opDefinition.ts'
import { reduce } from '#verifier/model/reduce.ts'
import { allocate, sizeOf, type Value, type ValueType } from '#verifier/model/value.ts'
import { seededRandom } from '../../test/fault/seededRandom.ts'
import { createStepTaker } from './takeStep.ts'

const random = seededRandom(21)
const BATCH = 3
type Made = { type: ValueType; value: Value }

/** A value in [lo, hi], its ends and what rounds badly among it; `constant`: known beforehand. */
function made(dtype: OnnxType, dims: number[], lo: number, hi: number, constant = false): Made {
  const data = allocate(dtype, sizeOf(dims))
  const hard = [lo, hi, 0, -0, 0.5, -0.5, 1.5, 2.5, -1.5, 16_777_217, -16_777_219, 1e-40, 3.3e-38].filter(
    x => x >= lo && x <= hi,
  )
  for (let i = 0; i < data.length; i++) {
    const x = random() < 0.2 ? (hard[Math.floor(random() * hard.length)] as number) : lo + random() * (hi - lo)
    data[i] = dtype === 'float32' ? x : Math.min(Math.max(Math.round(x), lo), hi)
  }
  const value = { dtype, dims, data }
  const whole = dtype !== 'float32' || Array.from(data).every(Number.isInteger)
  return {
    value,
    type: { dtype, dims: constant ? dims : [1, ...dims.slice(1)], lo, hi, whole, constant: constant ? value : null },
  }
}
const scalar = (dtype: OnnxType, x: number): Made => {
  const data = allocate(dtype, 1)
  data[0] = x
  const value = { dtype, dims: [], data }
  return { value, type: { dtype, dims: [], lo: x, hi: x, whole: Number.isInteger(x), constant: value } }
}

/** A step by its definition and in the kernels; the kernels' is null where they do not know it. */
function both(op: string, define: OpDefinition, inputs: Made[], attributes: [string, number | number[]][] = []) {
  const names = inputs.map((_, i) => `i${i}`)
  const node = { name: op, op, inputs: names, outputs: ['o'], attributes: new Map(attributes) }
  const types = inputs.map(({ type }) => type)
  const prepared = define(node, types)
  const workspace = nodeKernels().workspace()
  const step: Step = {
    op,
    name: 'o',
    inputs: inputs.map((_, i) => i),
    output: inputs.length,
    lastOf: [],
    prepared,
    linear: null,
  }
  const taker = createStepTaker(workspace, { steps: [step], values: [...types, prepared.type], fused: new Map() })
  const room = taker.room(BATCH)
  workspace.begin(room + 64)
  taker.begin(workspace.room(room))
  const values = inputs.map(({ value }) => value)
  return { expected: prepared.run(values), actual: taker.take(step, values) }
}

function expectSame({ expected, actual }: ReturnType<typeof both>): void {
  expect(actual).not.toBe(null)
  expect([actual?.dtype, actual?.dims]).toEqual([expected.dtype, expected.dims])
  const bits = ({ data }: Value) => Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex')
  expect(bits(actual as Value)).toBe(bits(expected))
}

const FLOAT = [-1e30, 1e30] as const
const ranges = { float32: FLOAT, int32: [-30_000, 30_000], int64: [-(2 ** 25), 2 ** 25] } as const

describe('single steps in the kernels are those of the definitions, bit by bit', () => {
  // Widths that fill no register, and rows that do.
  describe.each([96, 101, 131])('rows of %i', width => {
    test.each([
      ['Add', 'float32'],
      ['Mul', 'float32'],
      ['Div', 'float32'],
      ['Add', 'int32'],
      ['Sub', 'int32'],
      ['Mul', 'int32'],
      ['Add', 'int64'],
      ['Sub', 'int64'],
      ['Mul', 'int64'],
    ] as const)('%s of %s: one number, a row, one for each row, all', (op, dtype) => {
      const [lo, hi] = ranges[dtype]
      const a = made(dtype, [BATCH, width], lo, hi)
      const least = op === 'Div' || (op === 'Mul' && dtype === 'float32') ? 0.001 : lo
      const row = made(dtype, [width], least, hi, true)
      // A constant zero is refused where it is added: it makes +0 of −0, and optimisers leave it away.
      if (op === 'Add' && dtype === 'float32')
        for (const [i, x] of row.value.data.entries()) if (x === 0) row.value.data[i] = 1
      const rights = [
        scalar(dtype, dtype === 'float32' ? 1.7 : 7),
        row,
        ...(op === 'Mul' && dtype === 'float32'
          ? []
          : [made(dtype, [BATCH, 1], least, hi), made(dtype, [BATCH, width], least, hi)]),
      ]
      for (const b of rights) expectSame(both(op, binary, [a, b]))
    })

    test('Round, Clip, casts, sums and largest of rows', () => {
      const floats = made('float32', [BATCH, width], ...FLOAT)
      const near = made('float32', [BATCH, width], -100, 100)
      for (const x of [floats, near]) {
        expectSame(both('Round', unary, [x]))
        expectSame(both('Clip', clip, [x, scalar('float32', -3), scalar('float32', 5)]))
      }
      const whole = (type: Made): Made => {
        const { data } = type.value
        for (let i = 0; i < data.length; i++) data[i] = Math.round(data[i] as number)
        return { ...type, type: { ...type.type, whole: true } }
      }
      const bytes = made('uint8', [BATCH, width], 0, 255)
      const words = made('int32', [BATCH, width], -(2 ** 31) + 1, 2 ** 31 - 1)
      const long = made('int64', [BATCH, width], -(2 ** 53) + 1, 2 ** 53 - 1)
      const to = (number: number): [string, number][] => [['to', number]]
      expectSame(both('Cast', cast, [bytes], to(1)))
      expectSame(both('Cast', cast, [bytes], to(6)))
      expectSame(both('Cast', cast, [words], to(1)))
      expectSame(both('Cast', cast, [words], to(7)))
      expectSame(both('Cast', cast, [long], to(1)))
      expectSame(both('Cast', cast, [whole(made('float32', [BATCH, width], 0, 255))], to(2)))
      expectSame(both('Cast', cast, [whole(made('float32', [BATCH, width], -(2 ** 30), 2 ** 30))], to(6)))

      const last: Made = {
        value: { dtype: 'int64', dims: [1], data: Float64Array.of(-1) },
        type: scalar('int64', -1).type,
      }
      last.type = { ...last.type, dims: [1], constant: last.value }
      for (const dtype of ['int32', 'int64'] as const)
        expectSame(
          both(
            'ReduceSum',
            reduce,
            [made(dtype, [BATCH, width], ranges[dtype][0], ranges[dtype][1]), last],
            [['keepdims', 1]],
          ),
        )
      expectSame(
        both(
          'ReduceMax',
          reduce,
          [bytes],
          [
            ['axes', [-1]],
            ['keepdims', 1],
          ],
        ),
      )
    })

    test('tables of each kind of element', () => {
      const indices = made('int32', [BATCH, width], 0, 255)
      for (const dtype of ['uint8', 'int8', 'int32', 'float32'] as const)
        expectSame(both('Gather', gather, [made(dtype, [256], dtype === 'uint8' ? 0 : -100, 100, true), indices]))
    })
  })

  test('what they do not know is left to the definition', () => {
    const few = made('float32', [BATCH, 4], ...FLOAT)
    expect(both('Round', unary, [few]).actual).toBe(null)
    const squares = made('float32', [BATCH, 100], 0, 1e30)
    expect(both('Sqrt', unary, [squares]).actual).toBe(null)
    const chosen = made('int64', [5], 0, 99, true)
    expect(both('Gather', gather, [made('uint8', [BATCH, 100], 0, 255), chosen], [['axis', 1]]).actual).toBe(null)
  })
})
