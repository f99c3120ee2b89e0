import type { seededRandom } from '../../fault/seededRandom.ts'
import { floatModel } from './floatModels.ts'

type Random = ReturnType<typeof seededRandom>
type Made = { file: Uint8Array; shape: number[] }

/** Float models that between them use every operation that is compiled, each drawn anew from `random`. */
export const FAMILIES: Readonly<Record<string, (random: Random) => Made>> = {
  mlp(random) {
    const sizes = [3 + whole(random, 20), 1 + whole(random, 40), 1 + whole(random, 40), 1 + whole(random, 8)]
    const model = floatModel([1, sizes[0] as number], random)
    let at = 'x'
    for (let i = 0; i + 1 < sizes.length; i++) {
      at = model.linear(at, sizes[i] as number, sizes[i + 1] as number)
      if (i + 2 < sizes.length) at = activation(model, at, random)
    }
    return { file: model.finish(at), shape: [1, sizes[0] as number] }
  },
  branches(random) {
    const width = 4 + whole(random, 12)
    const model = floatModel([1, width], random)
    const left = model.op('Relu', [model.linear('x', width, 8)])
    const right = activation(model, model.linear('x', width, 8), random)
    const sum = model.op('Add', [left, right])
    const product = model.op('Mul', [model.op('Sub', [left, model.floats([8])]), right])
    const joined = model.op('Concat', [sum, product, model.op('Mul', [sum, model.floats([8])])], { axis: 1 })
    const part = model.op('Slice', [joined, model.ints([2]), model.ints([22]), model.ints([1]), model.ints([2])])
    const chosen = model.op('Gather', [part, model.ints([9, 0, 3, 3])], { axis: 1 })
    return {
      file: model.finish(model.linear(model.op('Div', [chosen, model.floats([], () => 1.7)]), 4, 3)),
      shape: [1, width],
    }
  },
  conv1d(random) {
    const [channels, length] = [1 + whole(random, 3), 12 + whole(random, 12)]
    const model = floatModel([1, channels, length], random)
    const first = model.op('Conv', ['x', model.floats([6, channels, 3]), model.floats([6])], {
      pads: [1, 1],
      kernel_shape: [3],
    })
    const normal = model.op('BatchNormalization', [
      first,
      model.floats([6], () => 0.5 + random()),
      model.floats([6]),
      model.floats([6]),
      model.floats([6], () => 0.5 + random()),
    ])
    const grouped = model.op('Conv', [model.op('Relu', [normal]), model.floats([6, 2, 3]), model.floats([6])], {
      group: 3,
      dilations: [2],
      strides: [1 + whole(random, 2)],
      kernel_shape: [3],
    })
    const pooled = model.op('GlobalAveragePool', [model.op('LeakyRelu', [grouped], { alpha: { f: 0.1 } })])
    return { file: model.finish(model.linear(model.op('Flatten', [pooled]), 6, 2)), shape: [1, channels, length] }
  },
  conv2d(random) {
    const model = floatModel([1, 2, 8, 8], random)
    const depthwise = model.op('Conv', ['x', model.floats([2, 1, 3, 3]), model.floats([2])], {
      group: 2,
      pads: [1, 1, 1, 1],
      kernel_shape: [3, 3],
    })
    const wide = model.op('Relu', [model.op('Conv', [depthwise, model.floats([5, 2, 1, 1])], { kernel_shape: [1, 1] })])
    const most = model.op('MaxPool', [wide], { kernel_shape: [2, 2], strides: [2, 2] })
    const mean = model.op('AveragePool', [most], { kernel_shape: [2, 2], strides: [2, 2] })
    const flat = model.op('Reshape', [mean, model.ints([0, 20])])
    return { file: model.finish(model.linear(flat, 20, 3)), shape: [1, 2, 8, 8] }
  },
  attention(random) {
    const [tokens, width] = [3 + whole(random, 6), 8]
    const model = floatModel([1, tokens, width], random)
    const project = (from: string) =>
      model.op('Add', [
        model.op('MatMul', [from, model.floats([width, width], () => (random() - 0.5) / 1.5)]),
        model.floats([width]),
      ])
    const heads = (from: string) =>
      model.op('Transpose', [model.op('Reshape', [from, model.ints([0, tokens, 2, width / 2])])], {
        perm: [0, 2, 1, 3],
      })
    const normal = model.op(
      'LayerNormalization',
      ['x', model.floats([width], () => 0.5 + random()), model.floats([width])],
      { axis: -1 },
    )
    const keys = model.op('Transpose', [heads(project(normal))], { perm: [0, 1, 3, 2] })
    const scores = model.op('Div', [
      model.op('MatMul', [heads(project(normal)), keys]),
      model.floats([], () => Math.sqrt(width / 2)),
    ])
    const mixed = model.op('MatMul', [model.op('Softmax', [scores], { axis: -1 }), heads(project(normal))])
    const back = model.op('Reshape', [
      model.op('Transpose', [mixed], { perm: [0, 2, 1, 3] }),
      model.ints([0, tokens, width]),
    ])
    const sum = model.op('Add', [project(back), 'x'])
    const pooled = model.op('ReduceMean', [sum], { axes: [1], keepdims: 0 })
    return { file: model.finish(model.linear(pooled, width, 2)), shape: [1, tokens, width] }
  },
}

const ACTIVATIONS = ['Relu', 'Sigmoid', 'Tanh', 'Erf', 'Elu', 'Softplus', 'HardSigmoid', 'LeakyRelu', 'Clip']

function activation(model: ReturnType<typeof floatModel>, from: string, random: Random): string {
  const op = ACTIVATIONS[whole(random, ACTIVATIONS.length)] as string
  const bounds = op === 'Clip' ? [model.floats([], () => (random() < 0.5 ? 0 : -1)), model.floats([], () => 1)] : []
  return model.op(op, [from, ...bounds])
}

/** A whole number below `most`. */
export function whole(random: () => number, most: number): number {
  return Math.floor(random() * most)
}
