import { WarrantError } from '#verifier/evidence/error.ts'

/** What a model file may have, so that reading it is bounded by its size. */
const MOST = { file: 2 ** 30, nodes: 20_000, tensors: 20_000, values: 100_000, depth: 12, rank: 16, elements: 2 ** 28 }

/** What lies in a model file, found without building it in memory. */
export type OnnxScan = {
  /** Operations as `domain:Name`, the standard domain as the name alone, in every subgraph and function. */
  ops: ReadonlySet<string>
  /** The graph's name. */
  graph: string
  /** Tensors whose data lies in another file. */
  external: readonly string[]
  /** Whether a Dropout says itself whether it is training: then it may be random. */
  training: boolean
}

/** Messages that are gone through, by field: what lies in each. */
type Message = 'model' | 'graph' | 'node' | 'attribute' | 'tensor' | 'sparse' | 'function' | 'training' | 'value'
const CHILDREN: Readonly<Record<Message, Readonly<Record<number, Message>>>> = {
  model: { 7: 'graph', 20: 'training', 25: 'function' },
  graph: { 1: 'node', 5: 'tensor', 11: 'value', 12: 'value', 13: 'value', 15: 'sparse' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse' },
  tensor: {},
  sparse: { 1: 'tensor', 2: 'tensor' },
  function: { 7: 'node', 11: 'attribute' },
  training: { 1: 'graph', 2: 'graph' },
  value: {},
}

/**
 * Goes through a model file (onnx.proto3) field by field: counts, depths and shapes are bounded before anything is built
 * from them, so that neither 16 MB of empty nodes nor a tensor said to have 2^60 elements costs more than reading them.
 *
 * @throws MODEL_INVALID naming the bound
 */
export function scanOnnx(file: Uint8Array, name: string): OnnxScan {
  const invalid = (what: string) => new WarrantError('MODEL_INVALID', `model ${name}: ${what}`)
  if (file.length > MOST.file) throw invalid(`the file has ${file.length} bytes, the most is ${MOST.file}`)
  const ops = new Set<string>()
  const external: string[] = []
  const counts = { nodes: 0, tensors: 0, values: 0 }
  let training = false
  let graph = ''
  const text = (bytes: Uint8Array) => Buffer.from(bytes.subarray(0, 256)).toString('latin1')
  const counted = (what: keyof typeof counts) => {
    if (++counts[what] > MOST[what]) throw invalid(`more than ${MOST[what]} ${what}`)
  }

  function walk(bytes: Uint8Array, message: Message, depth: number): void {
    if (depth > MOST.depth) throw invalid(`graphs lie in graphs more than ${MOST.depth} deep`)
    if (message === 'node') counted('nodes')
    if (message === 'tensor') counted('tensors')
    if (message === 'value' || message === 'attribute') counted('values')
    let [op, domain, label, inputs, isExternal] = ['', '', '', 0, false]
    const dims: number[] = []
    for (const { field, value } of fieldsOf(bytes, invalid)) {
      if (message === 'graph' && field === 2 && depth === 1 && typeof value !== 'number') graph = text(value)
      const child = CHILDREN[message][field]
      if (child !== undefined) {
        if (typeof value === 'number') throw invalid(`a ${message} holds a number where a ${child} belongs`)
        walk(value, child, depth + (child === 'graph' ? 1 : 0))
      }
      if (message === 'node' && typeof value !== 'number') {
        if (field === 1) inputs++
        if (field === 1 || field === 2) counted('values')
        if (field === 4) op = text(value)
        if (field === 7) domain = text(value)
      }
      if (message !== 'tensor') continue
      if (field === 1) dims.push(...(typeof value === 'number' ? [value] : packed(value, invalid)))
      if (dims.length > MOST.rank) throw invalid(`a tensor of rank ${dims.length}, the most is ${MOST.rank}`)
      if (field === 8 && typeof value !== 'number') label = text(value)
      if (field === 13 || (field === 14 && value === 1)) isExternal = true
    }
    if (message === 'node') {
      ops.add(domain === '' || domain === 'ai.onnx' ? op : `${domain}:${op}`)
      if (op === 'Dropout' && inputs > 2) training = true
    }
    if (message === 'tensor') {
      if (dims.reduce((product, dim) => product * Math.max(1, dim), 1) > MOST.elements)
        throw invalid(`tensor ${label} has the shape [${dims}]: more than ${MOST.elements} elements`)
      if (isExternal) external.push(label)
    }
  }
  walk(file, 'model', 0)
  return { ops, graph, external, training }
}

type Field = { field: number; value: Uint8Array | number }

/** Fields of a message, one after the other; numbers as doubles, which is enough for what is looked at. */
function* fieldsOf(bytes: Uint8Array, invalid: (what: string) => Error): Generator<Field> {
  const at = { place: 0 }
  while (at.place < bytes.length) {
    const key = varint(bytes, at, invalid)
    const [field, wire] = [Math.floor(key / 8), key % 8]
    if (wire === 0) yield { field, value: varint(bytes, at, invalid) }
    else if (wire === 1 || wire === 5) {
      at.place += wire === 1 ? 8 : 4
      if (at.place > bytes.length) throw invalid('is no ONNX file: it ends in the middle of a number')
    } else if (wire === 2) {
      const length = varint(bytes, at, invalid)
      if (length > bytes.length - at.place) throw invalid('is no ONNX file: a field runs past the end')
      yield { field, value: bytes.subarray(at.place, at.place + length) }
      at.place += length
    } else throw invalid(`is no ONNX file: wire type ${wire}`)
  }
}

function packed(bytes: Uint8Array, invalid: (what: string) => Error): number[] {
  const at = { place: 0 }
  const values: number[] = []
  while (at.place < bytes.length && values.length <= MOST.rank) values.push(varint(bytes, at, invalid))
  return values
}

function varint(bytes: Uint8Array, at: { place: number }, invalid: (what: string) => Error): number {
  let value = 0
  for (let shift = 0; shift < 10; shift++) {
    const byte = bytes[at.place++]
    if (byte === undefined) throw invalid('is no ONNX file: it ends in the middle of a number')
    value += (byte & 0x7f) * 128 ** shift
    if (byte < 0x80) return value
  }
  throw invalid('is no ONNX file: a number of more than ten bytes')
}
