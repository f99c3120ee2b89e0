import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { toBase64 } from '#verifier/evidence/bytes.ts'
import { digestBytes } from '#verifier/evidence/digest.ts'
import { payloadDigest } from '#verifier/evidence/payloadDigest.ts'
import type { ReceiptStatement } from '#verifier/evidence/records/receipt.ts'
import type { Tensor } from '#verifier/evidence/tensor.ts'
import { multiplyDirectly, runGraph } from '#verifier/model/runGraph.ts'
import type { Random } from '../../fault/seededRandom.ts'
import { whole } from './intModels.ts'
import type { Honest, Victim } from './victims.ts'

/** What a worker is about to sign and send. A lie changes it; everything that follows from it is made to fit again. */
export type Draft = {
  output: Tensor
  trace: Uint8Array
  /** Set over what would follow from output and trace. */
  statement: Partial<ReceiptStatement>
  proof: Record<string, unknown> | null
  /** Changes to the signed receipt. */
  tamper: 'none' | 'key' | 'root' | 'index' | 'path'
  /** Whether the request's input is replaced by numbers that are not finite. */
  input: 'same' | 'nan' | 'infinite'
}

/** What an honest worker would answer: a lie starts from it. */
export function honestDraft({ output, trace }: Pick<Draft, 'output' | 'trace'>): Draft {
  return { output, trace: new Uint8Array(trace), statement: {}, proof: null, tamper: 'none', input: 'same' }
}

type Lie = {
  name: string
  /** The check that must be the first to fail. */
  caughtBy: string
  tell(draft: Draft, victim: Victim, honest: Honest, random: Random): void
}

const accumulators = (draft: Draft) =>
  new Int32Array(draft.trace.buffer, draft.trace.byteOffset, draft.trace.length / 4)

/** Makes the output fit the forged accumulators: whoever lies well does. */
function fitOutput(draft: Draft, { graph }: Victim, { input }: Honest): void {
  const words = accumulators(draft)
  let at = 0
  const output = runGraph(graph, input, {
    multiply: call => {
      const size = call.dims.reduce((a, b) => a * b, 1)
      at += size
      return words.subarray(at - size, at)
    },
  })
  draft.output = {
    ...draft.output,
    data: toBase64(new Uint8Array(output.buffer, output.byteOffset, output.byteLength)),
  }
}

const forgedWord =
  (change: (word: number, random: Random) => number): Lie['tell'] =>
  (draft, victim, honest, random) => {
    const words = accumulators(draft)
    const at = whole(random, words.length)
    const before = words[at] as number
    words[at] = change(before, random)
    if (words[at] === before) words[at] = before ^ 1
    fitOutput(draft, victim, honest)
  }

/** Changes one float of the output by its bits. */
function outputBits(draft: Draft, random: Random, change: (word: number) => number): void {
  const bytes = new Uint8Array(Buffer.from(draft.output.data, 'base64'))
  const words = new Int32Array(bytes.buffer)
  const at = whole(random, words.length)
  words[at] = change(words[at] as number)
  draft.output = { ...draft.output, data: toBase64(bytes) }
}

const set =
  (change: Partial<Draft>): Lie['tell'] =>
  draft => {
    Object.assign(draft, change)
  }

/** Every way to lie that the suite tries. Attackers hold the worker's key and hash and sign again. */
export const LIES: readonly Lie[] = [
  {
    name: 'one accumulator off by one',
    caughtBy: 'accumulators',
    tell: forgedWord((word, random) => word + (random() < 0.5 ? 1 : -1)),
  },
  {
    name: 'one accumulator is any number',
    caughtBy: 'accumulators',
    tell: forgedWord((_, random) => Math.floor(random() * 2 ** 32) | 0),
  },
  { name: 'one accumulator off by 2^31', caughtBy: 'accumulators', tell: forgedWord(word => word ^ -0x8000_0000) },
  { name: 'one accumulator negated', caughtBy: 'accumulators', tell: forgedWord(word => -word) },
  {
    name: 'two accumulators off against each other',
    caughtBy: 'accumulators',
    tell(draft, victim, honest, random) {
      const words = accumulators(draft)
      const at = whole(random, words.length - 1)
      words[at] = (words[at] as number) + 1
      words[at + 1] = (words[at + 1] as number) - 1
      fitOutput(draft, victim, honest)
    },
  },
  {
    name: 'two accumulators swapped',
    caughtBy: 'accumulators',
    tell(draft, victim, honest, random) {
      const words = accumulators(draft)
      const at = whole(random, words.length)
      let other = whole(random, words.length)
      for (let i = 0; words[other] === words[at] && i < words.length; i++) other = (other + 1) % words.length
      ;[words[at], words[other]] = [words[other] as number, words[at] as number]
      fitOutput(draft, victim, honest)
    },
  },
  {
    name: 'every accumulator is zero',
    caughtBy: 'accumulators',
    tell(draft, victim, honest) {
      draft.trace.fill(0)
      fitOutput(draft, victim, honest)
    },
  },
  {
    name: 'one op after the other: their places are changed',
    caughtBy: 'accumulators',
    tell(draft, victim, honest, random) {
      const turn = 4 * (1 + whole(random, draft.trace.length / 4 - 1))
      const moved = Buffer.concat([draft.trace.subarray(turn), draft.trace.subarray(0, turn)])
      draft.trace = new Uint8Array(moved)
      if (moved.equals(honest.trace)) accumulators(draft)[0] = (accumulators(draft)[0] as number) + 1
      fitOutput(draft, victim, honest)
    },
  },
  {
    name: "another model's weights",
    caughtBy: 'accumulators',
    tell(draft, victim, honest) {
      Object.assign(draft, victim.byOther(honest.input))
    },
  },
  {
    name: "another input's answer",
    caughtBy: 'accumulators',
    tell(draft, victim, honest) {
      const other = victim.answers.find(answer => answer !== honest) as Honest
      Object.assign(draft, { output: other.output, trace: new Uint8Array(other.trace) })
    },
  },
  {
    name: 'the trace is cut short',
    caughtBy: 'size',
    tell(draft, _, __, random) {
      draft.trace = draft.trace.slice(0, whole(random, draft.trace.length))
    },
  },
  {
    name: 'the trace is too long',
    caughtBy: 'size',
    tell(draft, _, __, random) {
      draft.trace = new Uint8Array(Buffer.concat([draft.trace, new Uint8Array(1 + whole(random, 64))]))
    },
  },
  {
    name: 'one bit of the output',
    caughtBy: 'output',
    tell: (draft, _, __, random) => outputBits(draft, random, word => word ^ (1 << whole(random, 32))),
  },
  {
    name: 'the output is not a number',
    caughtBy: 'output',
    tell: (draft, _, __, random) => outputBits(draft, random, () => 0x7fc0_0000),
  },
  {
    name: 'the output is infinite',
    caughtBy: 'output',
    tell: (draft, _, __, random) => outputBits(draft, random, () => (random() < 0.5 ? 0x7f80_0000 : -0x80_0000)),
  },
  {
    name: 'the output has another shape',
    caughtBy: 'shape',
    tell(draft) {
      draft.output = { ...draft.output, shape: [1, ...draft.output.shape] }
    },
  },
  {
    name: 'the output has another type of the same size',
    caughtBy: 'type',
    tell(draft) {
      draft.output = { ...draft.output, dtype: 'int32' }
    },
  },
  {
    name: 'a receipt of another request',
    caughtBy: 'statement.nonce',
    tell: set({ statement: { nonce: '1f'.repeat(32) } }),
  },
  {
    name: 'a receipt for another model',
    caughtBy: 'statement.model',
    tell: set({ statement: { model: '2e'.repeat(32) } }),
  },
  {
    name: 'a receipt for other arithmetic',
    caughtBy: 'statement.numeric',
    tell: set({ statement: { numeric: 'onnxruntime-node@1.0.0/cpu' } }),
  },
  {
    name: 'a receipt for another input',
    caughtBy: 'statement.inputDigest',
    tell: set({ statement: { inputDigest: '3d'.repeat(32) } }),
  },
  {
    name: 'a receipt for another output',
    caughtBy: 'statement.outputDigest',
    tell: set({ statement: { outputDigest: '4c'.repeat(32) } }),
  },
  {
    name: 'the kind is downgraded in receipt and proof',
    caughtBy: 'statement.proofKind',
    tell(draft, _, __, random) {
      const kind = random() < 0.5 ? 'signed' : 'replay'
      Object.assign(draft, { statement: { proofKind: kind, traceDigest: null }, proof: { kind } })
    },
  },
  {
    name: 'the kind is downgraded in the proof alone',
    caughtBy: 'kind',
    tell(draft, _, __, random) {
      draft.proof = { kind: random() < 0.5 ? 'signed' : 'replay' }
    },
  },
  {
    name: 'a kind that nobody knows',
    caughtBy: 'schema',
    tell: set({ proof: { kind: 'zk', trace: { inline: '' } } }),
  },
  {
    name: 'a trace that is no base64',
    caughtBy: 'schema',
    tell: set({ proof: { kind: 'freivalds', trace: { inline: '%%%' } } }),
  },
  { name: 'no trace is signed', caughtBy: 'no trace', tell: set({ statement: { traceDigest: null } }) },
  {
    name: 'another trace is signed',
    caughtBy: 'digest',
    tell: set({ statement: { traceDigest: '5b'.repeat(32) } }),
  },
  { name: "a stranger's signature", caughtBy: 'signature', tell: set({ tamper: 'key' }) },
  { name: "another batch's root", caughtBy: 'batch', tell: set({ tamper: 'root' }) },
  { name: 'another place in the batch', caughtBy: 'batch', tell: set({ tamper: 'index' }) },
  { name: 'another path in the batch', caughtBy: 'batch', tell: set({ tamper: 'path' }) },
  { name: 'the input is not a number', caughtBy: 'input', tell: set({ input: 'nan' }) },
  { name: 'the input is infinite', caughtBy: 'input', tell: set({ input: 'infinite' }) },
]

/** What a worker signs for a draft: everything fits, but for what the lie set. */
export function statementOf(
  draft: Draft,
  base: Omit<ReceiptStatement, 'outputDigest' | 'traceDigest'>,
): ReceiptStatement {
  return {
    ...base,
    outputDigest: payloadDigest({ type: 'tensor', tensor: draft.output }, nodeCrypto),
    traceDigest: digestBytes('trace', draft.trace, nodeCrypto),
    ...draft.statement,
  }
}

/** The honest answer of another graph, as a draft. */
export function answerOf(graph: Victim['graph'], input: Honest['input']): Pick<Draft, 'output' | 'trace'> {
  const parts: Uint8Array[] = []
  const output = runGraph(graph, input, {
    multiply: call => {
      const y = multiplyDirectly(call)
      parts.push(new Uint8Array(y.buffer, y.byteOffset, y.byteLength))
      return y
    },
  })
  return {
    output: {
      dtype: 'float32',
      shape: [input.shape[0] as number, ...graph.output.shape.slice(1)],
      data: toBase64(new Uint8Array(output.buffer, output.byteOffset, output.byteLength)),
    },
    trace: new Uint8Array(Buffer.concat(parts)),
  }
}
