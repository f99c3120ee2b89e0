/** A dense network with ReLU between layers, trained by Adam: enough for a few thousand samples, and every step is here to read. */
export type Network = { sizes: number[]; weights: Float64Array[]; biases: Float64Array[] }

/** He-initialised. `random`: uniform in [0, 1). */
export function createNetwork(sizes: number[], random: () => number): Network {
  const gaussian = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  const layers = sizes.slice(1).map((outputs, l) => ({ inputs: sizes[l] as number, outputs }))
  return {
    sizes,
    weights: layers.map(({ inputs, outputs }) =>
      Float64Array.from({ length: inputs * outputs }, () => gaussian() * Math.sqrt(2 / inputs)),
    ),
    biases: layers.map(({ outputs }) => new Float64Array(outputs)),
  }
}

/** Activations of every layer, the input first. weights[l] is [inputs × outputs], row-major. */
export function forward({ sizes, weights, biases }: Network, input: ArrayLike<number>): Float64Array[] {
  const layers = [Float64Array.from(input)]
  for (const [l, weight] of weights.entries()) {
    const x = layers[l] as Float64Array
    const outputs = sizes[l + 1] as number
    const y = Float64Array.from(biases[l] as Float64Array)
    for (let i = 0; i < x.length; i++)
      for (let o = 0; o < outputs; o++) (y[o] as number) += (x[i] as number) * (weight[i * outputs + o] as number)
    if (l < weights.length - 1) for (let o = 0; o < outputs; o++) y[o] = Math.max(0, y[o] as number)
    layers.push(y)
  }
  return layers
}

export type TrainParameters = {
  inputs: number[][]
  targets: number[]
  epochs: number
  learningRate: number
  weightDecay: number
  random: () => number
}

/** Minimises the squared error of the single output by Adam over shuffled mini-batches of 64. Returns the last epoch's mean error. */
export function train(
  network: Network,
  { inputs, targets, epochs, learningRate, weightDecay, random }: TrainParameters,
): number {
  const parameters = [...network.weights, ...network.biases]
  const gradient = parameters.map(p => new Float64Array(p.length))
  const first = parameters.map(p => new Float64Array(p.length))
  const second = parameters.map(p => new Float64Array(p.length))
  const order = inputs.map((_, i) => i)
  let step = 0
  let error = 0
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (let i = order.length - 1; i > 0; i--) {
      const j = Math.floor(random() * (i + 1))
      ;[order[i], order[j]] = [order[j] as number, order[i] as number]
    }
    error = 0
    for (let start = 0; start < order.length; start += 64) {
      const batch = order.slice(start, start + 64)
      for (const g of gradient) g.fill(0)
      for (const sample of batch)
        error += backward(network, inputs[sample] as number[], targets[sample] as number, gradient) / inputs.length
      step++
      for (const [p, values] of parameters.entries()) {
        const decay = p < network.weights.length ? weightDecay : 0
        for (let i = 0; i < values.length; i++) {
          const g = (gradient[p]?.[i] as number) / batch.length + decay * (values[i] as number)
          const m = 0.9 * (first[p]?.[i] as number) + 0.1 * g
          const v = 0.999 * (second[p]?.[i] as number) + 0.001 * g * g
          ;(first[p] as Float64Array)[i] = m
          ;(second[p] as Float64Array)[i] = v
          ;(values[i] as number) -= (learningRate * m) / (1 - 0.9 ** step) / (Math.sqrt(v / (1 - 0.999 ** step)) + 1e-8)
        }
      }
    }
  }
  return error
}

function backward(network: Network, input: number[], target: number, gradient: Float64Array[]): number {
  const layers = forward(network, input)
  const error = (layers.at(-1)?.[0] as number) - target
  let delta = Float64Array.of(2 * error)
  for (let l = network.weights.length - 1; l >= 0; l--) {
    const x = layers[l] as Float64Array
    const weight = network.weights[l] as Float64Array
    const gw = gradient[l] as Float64Array
    const gb = gradient[network.weights.length + l] as Float64Array
    const below = new Float64Array(x.length)
    for (let o = 0; o < delta.length; o++) (gb[o] as number) += delta[o] as number
    for (let i = 0; i < x.length; i++) {
      for (let o = 0; o < delta.length; o++) {
        ;(gw[i * delta.length + o] as number) += (x[i] as number) * (delta[o] as number)
        ;(below[i] as number) += (weight[i * delta.length + o] as number) * (delta[o] as number)
      }
      if (l > 0 && (x[i] as number) <= 0) below[i] = 0
    }
    delta = below
  }
  return error * error
}
