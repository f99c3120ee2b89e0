import { floatModel } from '../../attack/inference/floatModels.ts'
import { seededRandom } from '../../fault/seededRandom.ts'

type Other = { file: Uint8Array; shape: number[]; what: string }

/** A stack of 1-D convolutions over 64 channels of 256 places. */
export function conv1dModel(): Other {
  const random = seededRandom(1)
  const model = floatModel([1, 64, 256], random)
  let at = 'x'
  for (let i = 0; i < 4; i++) {
    const weights = model.floats([64, 64, 5], () => (random() - 0.5) * 0.2)
    at = model.op('Relu', [model.op('Conv', [at, weights, model.floats([64])], { kernel_shape: [5], pads: [2, 2] })])
  }
  const pooled = model.op('Flatten', [model.op('GlobalAveragePool', [at])])
  return {
    file: model.finish(model.linear(pooled, 64, 8)),
    shape: [1, 64, 256],
    what: 'four Conv of 64 → 64 channels, kernel 5, 256 places',
  }
}

/** A transformer encoder: width 256, 4 layers of 4 heads, sequence 128. */
export function encoderModel(): Other {
  const random = seededRandom(2)
  const [tokens, width, heads, inner] = [128, 256, 4, 1_024]
  const model = floatModel([1, tokens, width], random)
  const dense = (from: string, k: number, n: number) =>
    model.op('Add', [
      model.op('MatMul', [from, model.floats([k, n], () => (random() - 0.5) * Math.sqrt(12 / k))]),
      model.floats([n], () => 0),
    ])
  const split = (from: string) =>
    model.op('Transpose', [model.op('Reshape', [from, model.ints([0, tokens, heads, width / heads])])], {
      perm: [0, 2, 1, 3],
    })
  const normal = (from: string) =>
    model.op('LayerNormalization', [from, model.floats([width], () => 1), model.floats([width], () => 0)], { axis: -1 })
  let at = 'x'
  for (let layer = 0; layer < 4; layer++) {
    const seen = normal(at)
    const keys = model.op('Transpose', [split(dense(seen, width, width))], { perm: [0, 1, 3, 2] })
    const scores = model.op('Mul', [
      model.op('MatMul', [split(dense(seen, width, width)), keys]),
      model.floats([], () => 1 / Math.sqrt(width / heads)),
    ])
    const mixed = model.op('MatMul', [model.op('Softmax', [scores], { axis: -1 }), split(dense(seen, width, width))])
    const joined = model.op('Reshape', [
      model.op('Transpose', [mixed], { perm: [0, 2, 1, 3] }),
      model.ints([0, tokens, width]),
    ])
    at = model.op('Add', [at, dense(joined, width, width)])
    const hidden = dense(normal(at), width, inner)
    const halves = model.op('Mul', [
      hidden,
      model.op('Sigmoid', [model.op('Mul', [hidden, model.floats([], () => 1.702)])]),
    ])
    at = model.op('Add', [at, dense(halves, inner, width)])
  }
  const pooled = model.op('ReduceMean', [normal(at)], { axes: [1], keepdims: 0 })
  return {
    file: model.finish(model.linear(pooled, width, 8)),
    shape: [1, tokens, width],
    what: 'encoder of width 256, 4 layers, sequence 128',
  }
}
