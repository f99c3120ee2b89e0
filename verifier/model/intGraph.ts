import { binary, cast, clip, unary } from './elementwise.ts'
import { type Fused, fusedSteps } from './fusion.ts'
import { concat, gather, pad, reshape, transpose } from './layout.ts'
import { type LinearSpec, linearSpec } from './linear.ts'
import { invalid, type OnnxModel, type OnnxValue, readOnnx } from './onnxFile.ts'
import type { OpDefinition, PreparedOp } from './opDefinition.ts'
import { reduce } from './reduce.ts'
import { constantOf, sizeOf, type ValueType } from './value.ts'

/** What an exact-integer graph may do between its linear ops. */
const OPS: Readonly<Record<string, OpDefinition>> = {
  Add: binary,
  Sub: binary,
  Mul: binary,
  Div: binary,
  Round: unary,
  Sqrt: unary,
  Clip: clip,
  Cast: cast,
  Reshape: reshape,
  Transpose: transpose,
  Concat: concat,
  Gather: gather,
  Pad: pad,
  ReduceMax: reduce,
  ReduceSum: reduce,
}

/** One step of a graph: values are named by number. `op`: a linear op's accumulators come from elsewhere. */
export type Step = {
  op: string
  name: string
  inputs: readonly number[]
  output: number
  /** Values that nothing reads after this step. */
  lastOf: number[]
} & ({ prepared: PreparedOp; linear: null } | { prepared: null; linear: number })

/** An exact-integer model (`int-exact-v1`, docs/int-exact-v1.md), checked and ready to run. */
export type IntGraph = {
  /** Shapes for a batch of one. */
  input: { name: string; shape: readonly number[] }
  output: { name: string; shape: readonly number[] }
  steps: readonly Step[]
  linear: readonly LinearSpec[]
  /** Values by number: the input first, then what is constant, then what each step gives. */
  values: readonly ValueType[]
  /** Steps that may be taken in one pass, by the first of them. */
  fused: ReadonlyMap<number, Fused>
}

/**
 * Reads a model file and proves that running it can have one result only: known ops, known shapes, no whole number that
 * leaves its type, no float that could be a NaN, rows of a batch that never meet.
 *
 * @throws MODEL_INVALID naming what is wrong
 */
export function readIntGraph(file: Uint8Array): IntGraph {
  const model = readOnnx(file)
  const input = externalOf(model.inputs, 'input')
  const output = externalOf(model.outputs, 'output')
  const values: ValueType[] = [
    {
      dtype: 'float32',
      dims: input.shape,
      lo: Number.NEGATIVE_INFINITY,
      hi: Number.POSITIVE_INFINITY,
      whole: false,
      constant: null,
    },
  ]
  const numbers = new Map([[input.name, 0]])
  for (const [name, tensor] of model.tensors) {
    if (numbers.has(name)) throw invalid(`${name} is an input and an initializer`)
    numbers.set(name, values.push(constantOf(tensor)) - 1)
  }
  const steps: Step[] = []
  const linear: LinearSpec[] = []
  let lastName = ''
  for (const node of model.nodes) {
    const [name] = node.outputs
    if (node.outputs.length !== 1 || name === undefined || name === '') throw invalid(`${node.op}: needs one output`)
    if (numbers.has(name)) throw invalid(`${node.op}: ${name} is computed twice`)
    const inputs = node.inputs.map(from => {
      const number = numbers.get(from)
      // Nodes stand in order: one that reads what comes later may be a cycle.
      if (number === undefined) throw invalid(`${node.op} reads ${from || 'nothing'}, which is not computed before it`)
      return number
    })
    const types = inputs.map(number => values[number] as ValueType)
    const step = { op: node.op, name, inputs, output: values.length, lastOf: [] as number[] }
    if (node.op === 'MatMulInteger') {
      const spec = linearSpec(node, types)
      steps.push({ ...step, prepared: null, linear: linear.push(spec) - 1 })
      values.push(spec.type)
    } else {
      const define = OPS[node.op]
      if (define === undefined) throw invalid(`${node.op} is no operation of int-exact-v1`)
      if (types.every(type => type.constant !== null)) throw invalid(`${node.op} of constants alone`)
      const prepared = define(node, types)
      steps.push({ ...step, prepared, linear: null })
      values.push(prepared.type)
    }
    numbers.set(name, step.output)
    lastName = name
  }
  demandBounded(steps, linear, values)
  const last = new Map<number, Step>()
  for (const step of steps) for (const number of step.inputs) last.set(number, step)
  for (const [number, step] of last) if (values[number]?.constant === null) step.lastOf.push(number)
  const result = values.at(-1)
  const [final] = steps.slice(-1)
  if (lastName !== output.name || final?.op !== 'Mul' || result?.dtype !== 'float32')
    throw invalid(`the last node must scale the output ${output.name}`)
  if (result.dims.join() !== output.shape.join())
    throw invalid(`output ${output.name} is [${result.dims}], the file says [${output.shape}]`)
  if (linear.length === 0) throw invalid('there is no linear op to prove')
  return { input, output, steps, linear, values, fused: fusedSteps({ steps, values }) }
}

/** What one row may take: a file of some hundred bytes could ask for days of work, or more memory than there is. */
const MOST = { products: 2 ** 34, elements: 2 ** 28 }

/** @throws MODEL_INVALID */
function demandBounded(steps: readonly Step[], linear: readonly LinearSpec[], values: readonly ValueType[]): void {
  let [products, elements] = [0, 0]
  for (const { output, linear: index } of steps) {
    const size = sizeOf(values[output]?.dims ?? [])
    elements += size
    products += size * (index === null ? 0 : (linear[index]?.k ?? 0))
  }
  if (products > MOST.products) throw invalid(`one row takes ${products} products in all, the most is ${MOST.products}`)
  if (elements > MOST.elements) throw invalid(`one row takes ${elements} elements in all, the most is ${MOST.elements}`)
}

/** The one input or output: float32, its first axis the batch's. */
function externalOf(values: OnnxModel['inputs'], side: string): { name: string; shape: number[] } {
  const [value] = values as [OnnxValue | undefined]
  if (values.length !== 1 || value === undefined) throw invalid(`needs exactly one ${side}`)
  const [batch, ...row] = value.dims
  if (
    value.dtype !== 'float32' ||
    typeof batch !== 'string' ||
    row.length === 0 ||
    !row.every(dim => typeof dim === 'number')
  )
    throw invalid(`${side} ${value.name} must be float32 with a named first axis (the batch) and sizes after it`)
  return { name: value.name, shape: [1, ...row] }
}
