// Trains strategies/trend-follower/model.onnx. Run: node dist/strategies/trend-follower/train/train.js DATA_DIR OUT.onnx
// Seeded, so the same data gives the same file. The first 25 days train; the last 10 are never looked at here except
// for the figures printed at the end.
import { writeFileSync } from 'node:fs'
import { aggregateBars } from '#runtime/market/bars.ts'
import { readMinutes } from '#runtime/market/minutes.ts'
import { seededRandom } from '#runtime/market/simulate.ts'
import { compileModel } from '#runtime/model/compile/compileModel.ts'
import { returnsOf, volatilityOf } from '../../sdk/index.ts'
import { FEATURES, featuresOf } from '../features.ts'
import { createNetwork, forward, train } from './network.ts'
import { onnxFile } from './onnxFile.ts'

const [dataDir, outFile] = process.argv.slice(2)
if (dataDir === undefined || outFile === undefined) {
  console.error('usage: node dist/strategies/trend-follower/train/train.js DATA_DIR OUT.onnx')
  process.exit(2)
}

const WINDOW = 64
/** Bars of 15 minutes ahead that the network forecasts: four hours. */
const HORIZON = 16
const TRAIN_DAYS = 25

const bars = aggregateBars(readMinutes(dataDir).minutes, 900)
const splitSeconds = (bars[0]?.timeSeconds as number) + TRAIN_DAYS * 86_400
const samples = bars.slice(WINDOW - 1, -HORIZON).map((bar, i) => {
  const window = bars.slice(i, i + WINDOW)
  const close = window.map(b => b.close)
  const volatility = Math.max(1, volatilityOf(returnsOf(close)))
  const ahead = bars[i + WINDOW - 1 + HORIZON]?.close as number
  const target = Math.max(-3, Math.min(3, (bar.close - ahead) / (volatility * Math.sqrt(HORIZON))))
  const input = featuresOf({ close, high: window.map(b => b.high), low: window.map(b => b.low) })
  return { timeSeconds: bar.timeSeconds, endSeconds: bar.timeSeconds + (HORIZON + 1) * 900, input, target }
})
// A sample whose outcome lies behind the split would leak the test days into training.
const training = samples.filter(s => s.endSeconds <= splitSeconds)
const test = samples.filter(s => s.timeSeconds >= splitSeconds)

const random = seededRandom('trend-follower model 1')
const network = createNetwork([FEATURES, 24, 16, 1], random)
const error = train(network, {
  inputs: training.map(s => s.input),
  targets: training.map(s => s.target),
  epochs: 30,
  learningRate: 0.002,
  weightDecay: 0.02,
  random,
})
// Exact integers: the verifier checks its answers by Freivalds' projections, without running it.
const { file, loss } = await compileModel(onnxFile(network), {
  shape: [training.length, FEATURES],
  data: Float32Array.from(training.flatMap(s => s.input)),
})
writeFileSync(outFile, file)

const score = (set: typeof samples) => {
  const forecasts = set.map(s => forward(network, s.input).at(-1)?.[0] as number)
  const hits = set.filter((s, i) => Math.sign(s.target) === Math.sign(forecasts[i] as number)).length
  const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length
  const [mf, mt] = [mean(forecasts), mean(set.map(s => s.target))]
  const cov = mean(set.map((s, i) => (s.target - mt) * ((forecasts[i] as number) - mf)))
  const corr = cov / Math.sqrt(mean(forecasts.map(f => (f - mf) ** 2)) * mean(set.map(s => (s.target - mt) ** 2)))
  return {
    samples: set.length,
    directionHit: hits / set.length,
    correlation: corr,
    forecastSpread: Math.sqrt(mean(forecasts.map(f => f * f))),
  }
}
console.log(
  JSON.stringify({ trainingError: error, lostToIntegers: loss, training: score(training), test: score(test) }, null, 2),
)
