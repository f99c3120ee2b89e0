import { InferenceSession, Tensor } from 'onnxruntime-node'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { Observed } from './context.ts'
import { type FloatModel, invalid } from './floatModel.ts'

/** Inputs to calibrate with: float32 [n, …input shape]. */
export type Samples = { shape: readonly number[]; data: Float32Array }

/** Rows that are run, and rows that are kept whole for the comparison. */
const MOST_ROWS = 4_096
const KEPT_VALUES = 2 ** 26

/** Runs the float model over the samples, one row at a time, and looks at every tensor of `names`. @throws BAD_DATA, MODEL_INVALID */
export async function calibrate(model: FloatModel, names: readonly string[], { shape, data }: Samples) {
  const { input } = model
  const row = input.shape.slice(1)
  if (shape.slice(1).join() !== row.join() || shape.length !== input.shape.length || (shape[0] ?? 0) < 1)
    throw new WarrantError('BAD_DATA', `the calibration data has the shape [${shape}], the model takes [n,${row}]`)
  let session: InferenceSession
  try {
    session = await InferenceSession.create(model.withOutputs(names), {
      logSeverityLevel: 4,
      intraOpNumThreads: 1,
      graphOptimizationLevel: 'disabled',
    })
  } catch (cause) {
    throw invalid(`is not loaded by onnxruntime: ${reasonOf(cause)}`, cause)
  }
  const width = row.reduce((a, b) => a * b, 1)
  const rows = Math.min(shape[0] as number, MOST_ROWS)
  const observed = new Map<string, Observed>()
  const kept = new Map<string, Float32Array[]>()
  let budget = KEPT_VALUES
  let keptRows = 0
  const see = (name: string, dims: readonly number[], values: Float32Array, keep: boolean) => {
    const seen = observed.get(name) ?? { dims: [...dims], largest: 0 }
    for (const value of values) {
      if (!Number.isFinite(value)) throw invalid(`gives ${value} in ${name} on the calibration data`)
      seen.largest = Math.max(seen.largest, Math.abs(value))
    }
    observed.set(name, seen)
    if (keep) kept.set(name, [...(kept.get(name) ?? []), values])
  }
  try {
    for (let i = 0; i < rows; i++) {
      const values = data.slice(i * width, (i + 1) * width)
      const results = await session.run({ [input.name]: new Tensor('float32', values, input.shape) })
      const size = Object.values(results).reduce((sum, result) => sum + result.size, width)
      const keep = i < 64 && size <= budget
      if (keep) {
        budget -= size
        keptRows++
      }
      see(input.name, input.shape, values, keep)
      for (const [name, result] of Object.entries(results)) {
        if (result.type === 'float32') see(name, result.dims, result.data as Float32Array, keep)
      }
    }
  } finally {
    await session.release()
  }
  return {
    observed,
    tensors: {
      rows: keptRows,
      /** All kept rows of a tensor, one after the other. */
      of(name: string): Float32Array {
        const parts = kept.get(name) ?? []
        const size = parts.reduce((sum, part) => sum + part.length, 0)
        const whole = new Float32Array(size)
        let at = 0
        for (const part of parts) {
          whole.set(part, at)
          at += part.length
        }
        return whole
      },
    },
  }
}
