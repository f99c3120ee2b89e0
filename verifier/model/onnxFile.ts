import { WarrantError } from '#verifier/evidence/error.ts'

/** A tensor of a model file. `bytes` is a view of the file: little-endian elements in row-major order. */
export type OnnxTensor = { name: string; dtype: OnnxType; dims: readonly number[]; bytes: Uint8Array }

/** Element types that an exact-integer model may name. */
export type OnnxType = 'float32' | 'uint8' | 'int8' | 'int32' | 'int64'

export type OnnxAttribute = number | readonly number[]

export type OnnxNode = {
  name: string
  op: string
  inputs: readonly string[]
  outputs: readonly string[]
  attributes: ReadonlyMap<string, OnnxAttribute>
}

/** An input or output of the graph; a dimension with a name instead of a size is the batch's. */
export type OnnxValue = { name: string; dtype: OnnxType; dims: readonly (number | string)[] }

export type OnnxModel = {
  nodes: readonly OnnxNode[]
  tensors: ReadonlyMap<string, OnnxTensor>
  inputs: readonly OnnxValue[]
  outputs: readonly OnnxValue[]
}

const TYPES: Readonly<Record<number, OnnxType>> = { 1: 'float32', 2: 'uint8', 3: 'int8', 6: 'int32', 7: 'int64' }
const BYTES: Readonly<Record<OnnxType, number>> = { float32: 4, uint8: 1, int8: 1, int32: 4, int64: 8 }
const LIMITS = {
  file: 2 ** 30,
  nodes: 20_000,
  tensors: 20_000,
  rank: 8,
  elements: 2 ** 28,
  names: 256,
  ints: 65_536,
  fields: 65_536,
}
const OPSET = 17

/**
 * Reads a model file (onnx.proto3, https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3), strictly: what it cannot
 * represent, it refuses, so that no other reader finds in the file what this one did not see. Weights must lie in the
 * file itself (`raw_data`). Work and memory are bounded by the file's size.
 *
 * @throws MODEL_INVALID naming the field
 */
export function readOnnx(file: Uint8Array): OnnxModel {
  if (file.length > LIMITS.file) throw invalid(`the file has ${file.length} bytes, the most is ${LIMITS.file}`)
  const model = fieldsOf(file, 'model', [1, 2, 3, 4, 5, 6, 7, 8, 14])
  const opsets = all(model, 8).map(bytes => fieldsOf(bytes, 'opset_import', [1, 2]))
  const [opset] = opsets
  if (opsets.length !== 1 || opset === undefined || text(opset, 1, 'opset_import.domain') !== '')
    throw invalid('opset_import: needs the standard operator set alone')
  if (integer(opset, 2, 'opset_import.version') !== OPSET) throw invalid(`opset_import.version: needs ${OPSET}`)
  const graph = fieldsOf(one(model, 7, 'graph'), 'graph', [1, 2, 5, 10, 11, 12])
  const count = graph.get(1)?.length ?? 0
  if (count > LIMITS.nodes) throw invalid(`the graph has ${count} nodes, the most is ${LIMITS.nodes}`)
  const nodes = all(graph, 1).map((bytes, i) => readNode(bytes, `node ${i}`))
  const tensors = new Map<string, OnnxTensor>()
  for (const [i, bytes] of all(graph, 5).entries()) {
    const tensor = readTensor(bytes, `initializer ${i}`)
    if (tensors.has(tensor.name)) throw invalid(`initializer ${tensor.name} stands twice`)
    tensors.set(tensor.name, tensor)
    if (tensors.size > LIMITS.tensors) throw invalid(`the graph has more than ${LIMITS.tensors} initializers`)
  }
  return {
    nodes,
    tensors,
    inputs: all(graph, 11).map((bytes, i) => readValue(bytes, `input ${i}`)),
    outputs: all(graph, 12).map((bytes, i) => readValue(bytes, `output ${i}`)),
  }
}

function readNode(bytes: Uint8Array, where: string): OnnxNode {
  const fields = fieldsOf(bytes, where, [1, 2, 3, 4, 5, 6, 7])
  if (text(fields, 7, `${where}.domain`) !== '') throw invalid(`${where}: domain must be the standard one`)
  const attributes = new Map<string, OnnxAttribute>()
  for (const [i, raw] of all(fields, 5).entries()) {
    const at = `${where}, attribute ${i}`
    const attribute = fieldsOf(raw, at, [1, 3, 8, 13, 20])
    const name = text(attribute, 1, at)
    if (attributes.has(name)) throw invalid(`${where}: attribute ${name} stands twice`)
    const type = integer(attribute, 20, `${at}.type`)
    if (type === 2) attributes.set(name, integer(attribute, 3, at))
    else if (type === 7) attributes.set(name, integers(attribute, 8, at))
    else throw invalid(`${where}: attribute ${name} is neither an integer nor a list of integers`)
  }
  return {
    name: text(fields, 3, where),
    op: text(fields, 4, where),
    inputs: texts(fields, 1, `${where}.input`),
    outputs: texts(fields, 2, `${where}.output`),
    attributes,
  }
}

function readTensor(bytes: Uint8Array, where: string): OnnxTensor {
  const fields = fieldsOf(bytes, where, [1, 2, 8, 9, 12])
  const name = text(fields, 8, where)
  const dtype = typeOf(integer(fields, 2, `${where}.data_type`), `${where} (${name})`)
  const dims = integers(fields, 1, `${where}.dims`)
  const count = checkedElements(dims, `${where} (${name})`)
  const raw = all(fields, 9)
  const data = raw[0] ?? new Uint8Array(0)
  if (raw.length > 1 || data.length !== count * BYTES[dtype])
    throw invalid(
      `${where} (${name}): raw_data has ${data.length} bytes, ${dtype}[${dims}] needs ${count * BYTES[dtype]}`,
    )
  return { name, dtype, dims, bytes: data }
}

function readValue(bytes: Uint8Array, where: string): OnnxValue {
  const value = fieldsOf(bytes, where, [1, 2, 3])
  const type = fieldsOf(one(value, 2, `${where}.type`), `${where}.type`, [1])
  const tensor = fieldsOf(one(type, 1, `${where}.type.tensor_type`), `${where}.type`, [1, 2])
  const shape = fieldsOf(one(tensor, 2, `${where}.shape`), `${where}.shape`, [1])
  const dims = all(shape, 1).map((raw, i) => {
    const dim = fieldsOf(raw, `${where}.shape.dim ${i}`, [1, 2])
    return dim.has(2) ? text(dim, 2, `${where}.shape.dim ${i}`) : integer(dim, 1, `${where}.shape.dim ${i}`)
  })
  checkedElements(
    dims.filter(dim => typeof dim === 'number'),
    where,
  )
  return { name: text(value, 1, where), dtype: typeOf(integer(tensor, 1, `${where}.elem_type`), where), dims }
}

function typeOf(code: number, where: string): OnnxType {
  const type = TYPES[code]
  if (type === undefined) throw invalid(`${where}: element type ${code} is none of an exact-integer model`)
  return type
}

/** Elements of a shape within the limits. @throws MODEL_INVALID */
export function checkedElements(dims: readonly number[], where: string): number {
  if (dims.length > LIMITS.rank) throw invalid(`${where}: rank ${dims.length}, the most is ${LIMITS.rank}`)
  let count = 1
  for (const dim of dims) {
    if (!Number.isSafeInteger(dim) || dim < 1) throw invalid(`${where}: ${dim} is no dimension`)
    count *= dim
    if (count > LIMITS.elements) throw invalid(`${where}: [${dims}] has more than ${LIMITS.elements} elements`)
  }
  return count
}

type Fields = ReadonlyMap<number, readonly (Uint8Array | bigint)[]>

/** The fields of a message; one that is not allowed is refused. @throws MODEL_INVALID */
function fieldsOf(bytes: Uint8Array, where: string, allowed: readonly number[]): Fields {
  const fields = new Map<number, (Uint8Array | bigint)[]>()
  let at = 0
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++]
      if (byte === undefined) throw invalid(`${where}: ends in the middle of a number`)
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value & 0xffff_ffff_ffff_ffffn
    }
    throw invalid(`${where}: a number of more than ten bytes`)
  }
  while (at < bytes.length) {
    const key = varint()
    const [field, wire] = [Number(key >> 3n), Number(key & 7n)]
    if (!allowed.includes(field)) throw invalid(`${where}: field ${field} has no place in an exact-integer model`)
    const values = fields.get(field) ?? []
    if (values.length === LIMITS.fields)
      throw invalid(`${where}: field ${field} stands more than ${LIMITS.fields} times`)
    if (wire === 0) values.push(varint())
    else if (wire === 2) {
      const length = Number(varint())
      if (length > bytes.length - at) throw invalid(`${where}: field ${field} runs past the end`)
      values.push(bytes.subarray(at, at + length))
      at += length
    } else throw invalid(`${where}: field ${field} has wire type ${wire}`)
    fields.set(field, values)
  }
  return fields
}

function all(fields: Fields, field: number): Uint8Array[] {
  return (fields.get(field) ?? []).map(value => {
    if (typeof value === 'bigint') throw invalid(`field ${field} is a number, expected bytes`)
    return value
  })
}

function one(fields: Fields, field: number, where: string): Uint8Array {
  const values = all(fields, field)
  if (values.length !== 1) throw invalid(`${where}: stands ${values.length} times, expected once`)
  return values[0] as Uint8Array
}

function integer(fields: Fields, field: number, where: string): number {
  const values = fields.get(field) ?? [0n]
  const [value] = values
  if (values.length !== 1 || typeof value !== 'bigint') throw invalid(`${where}: expected one number`)
  return toSafe(value, where)
}

function integers(fields: Fields, field: number, where: string): number[] {
  const values = (fields.get(field) ?? []).flatMap(value =>
    typeof value === 'bigint' ? [value] : packed(value, where),
  )
  if (values.length > LIMITS.ints) throw invalid(`${where}: more than ${LIMITS.ints} numbers`)
  return values.map(value => toSafe(value, where))
}

function packed(bytes: Uint8Array, where: string): bigint[] {
  const values: bigint[] = []
  for (let at = 0; at < bytes.length && values.length <= LIMITS.ints; ) {
    let value = 0n
    let byte = 0x80
    for (let shift = 0n; byte >= 0x80; shift += 7n) {
      const next = bytes[at++]
      if (next === undefined || shift > 63n) throw invalid(`${where}: a malformed number`)
      byte = next
      value |= BigInt(byte & 0x7f) << shift
    }
    values.push(value)
  }
  return values
}

function toSafe(value: bigint, where: string): number {
  const signed = Number(BigInt.asIntN(64, value))
  if (!Number.isSafeInteger(signed)) throw invalid(`${where}: ${value} is out of range`)
  return signed
}

function text(fields: Fields, field: number, where: string): string {
  const found = texts(fields, field, where)
  if (found.length > 1) throw invalid(`${where}: field ${field} stands ${found.length} times`)
  return found[0] ?? ''
}

function texts(fields: Fields, field: number, where: string): string[] {
  return all(fields, field).map(bytes => {
    if (bytes.length > LIMITS.names) throw invalid(`${where}: a name of ${bytes.length} bytes`)
    for (const byte of bytes) if (byte < 0x20 || byte > 0x7e) throw invalid(`${where}: a name that is not plain ASCII`)
    return String.fromCharCode(...bytes)
  })
}

/** The error of a model that is refused. */
export function invalid(message: string): WarrantError {
  return new WarrantError('MODEL_INVALID', `int-exact-v1: ${message}`)
}
