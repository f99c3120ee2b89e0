import { z } from 'zod'
import { fromBase64, isCanonicalBase64, toBase64 } from './bytes.ts'
import { WarrantError } from './error.ts'
import { count } from './primitives.ts'

export const tensorType = z.enum(['float32', 'int8', 'uint8', 'int32', 'int64'])
export type TensorType = z.infer<typeof tensorType>

/** Bytes per element. */
export const ELEMENT_BYTES: Record<TensorType, number> = { float32: 4, int8: 1, uint8: 1, int32: 4, int64: 8 }

/** A tensor in a record: little-endian elements in row-major order, base64. */
export const tensor = z
  .strictObject({
    dtype: tensorType,
    shape: z.array(count).max(8),
    // One text for the same bytes: readers that forgive others would not agree on what was asked.
    data: z
      .string()
      .max(60_000)
      .refine(isCanonicalBase64, 'must be standard base64 (A-Z a-z 0-9 + /) with its padding, not the url-safe form'),
  })
  .refine(value => base64Length(value.data) === elements(value.shape) * ELEMENT_BYTES[value.dtype], {
    message: 'data does not have shape × element size bytes',
    path: ['data'],
  })
export type Tensor = z.infer<typeof tensor>

/** Number of elements of a shape. */
export function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}

/** A float32 tensor of `shape` from numbers (rounded to float32). @throws BAD_INPUT when the count differs from the shape */
export function float32Tensor(values: readonly number[], shape: readonly number[]): Tensor {
  if (values.length !== elements(shape)) {
    throw new WarrantError(
      'BAD_INPUT',
      `tensor of shape [${shape.join(',')}] needs ${elements(shape)} values, got ${values.length}`,
    )
  }
  const bytes = new Uint8Array(values.length * 4)
  const view = new DataView(bytes.buffer)
  for (let i = 0; i < values.length; i++) view.setFloat32(4 * i, values[i] ?? 0, true)
  return { dtype: 'float32', shape: [...shape], data: toBase64(bytes) }
}

/** The numbers in a float32 tensor. @throws EVIDENCE_MALFORMED for another element type */
export function float32Values(value: Tensor): number[] {
  if (value.dtype !== 'float32')
    throw new WarrantError('EVIDENCE_MALFORMED', `expected a float32 tensor, got ${value.dtype}`)
  const bytes = fromBase64(value.data)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  // Plain numbers: the sandbox has no Float32Array.
  return Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(4 * i, true))
}

function base64Length(text: string): number {
  if (text.length % 4 !== 0) return -1
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  return (text.length / 4) * 3 - padding
}
