import { readFileSync } from 'node:fs'
import { WarrantError } from '#verifier/evidence/error.ts'

/** Reads a NumPy file of float32 or float64 (NEP 1, version 1 or 2, little-endian, C order). @throws FILE_MISSING, BAD_DATA */
export function readNpy(path: string): { shape: number[]; data: Float32Array } {
  let bytes: Uint8Array
  try {
    bytes = readFileSync(path)
  } catch (cause) {
    throw new WarrantError('FILE_MISSING', `${path}: cannot be read`, { cause })
  }
  const bad = (what: string) =>
    new WarrantError('BAD_DATA', `${path}: ${what}; write it with numpy.save(path, array.astype('<f4'))`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < 12 || String.fromCharCode(...bytes.subarray(0, 6)) !== '\x93NUMPY') throw bad('is no NumPy file')
  const wide = bytes[6] === 2
  const start = wide ? 12 : 10
  const length = wide ? view.getUint32(8, true) : view.getUint16(8, true)
  const header = Buffer.from(bytes.subarray(start, start + length)).toString('latin1')
  const type = /'descr': *'<f([48])'/.exec(header)?.[1]
  const shape = /'shape': *\(([\d, ]*)\)/.exec(header)?.[1]
  if (type === undefined || shape === undefined || !/'fortran_order': *False/.test(header))
    throw bad('needs little-endian float32 or float64 in C order')
  const dims = shape
    .split(',')
    .filter(part => part.trim() !== '')
    .map(Number)
  const count = dims.reduce((product, dim) => product * dim, 1)
  const width = Number(type)
  if (bytes.length - start - length !== count * width)
    throw bad(`has ${bytes.length - start - length} bytes of data, its shape [${dims}] needs ${count * width}`)
  const data = new Float32Array(count)
  for (let i = 0; i < count; i++) {
    const at = start + length + i * width
    data[i] = width === 4 ? view.getFloat32(at, true) : view.getFloat64(at, true)
    if (!Number.isFinite(data[i])) throw bad(`element ${i} is ${data[i]}`)
  }
  return { shape: dims, data }
}
