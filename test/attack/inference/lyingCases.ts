import { ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { nodeKernels, randomWords } from '#runtime/crypto/nodeKernels.ts'
import { signReceipts } from '#runtime/worker/receiptBatch.ts'
import { toBase64 } from '#verifier/evidence/bytes.ts'
import { payloadDigest } from '#verifier/evidence/payloadDigest.ts'
import type { Receipt } from '#verifier/evidence/records/receipt.ts'
import type { Request } from '#verifier/evidence/records/request.ts'
import { response } from '#verifier/evidence/records/response.ts'
import { INT_EXACT } from '#verifier/proof/freivalds/openTrace.ts'
import { receiptFault, statementFault } from '#verifier/proof/receipt.ts'
import { verifyProof } from '#verifier/proof/verifyProof.ts'
import { seededRandom } from '../../fault/seededRandom.ts'
import { whole } from './intModels.ts'
import { type Draft, honestDraft, LIES, statementOf } from './lies.ts'
import type { Honest, Victim } from './victims.ts'

const worker = ed25519Signer(new Uint8Array(32).fill(1))
const stranger = ed25519Signer(new Uint8Array(32).fill(2))
const NONCE = 'ab'.repeat(32)

/**
 * One seeded case: a worker with its own key tells one lie, and everything else fits. The answer goes through the checks
 * in the verifier's order. @throws Error when it is accepted, or refused by another check than the one that should
 */
export async function lyingCase(seed: number, victims: readonly Victim[], only?: string): Promise<string> {
  const random = seededRandom(seed)
  const lie = LIES.find(candidate => candidate.name === only) ?? (LIES[seed % LIES.length] as (typeof LIES)[number])
  const victim = victims[whole(random, victims.length)] as Victim
  const honest = victim.answers[whole(random, victim.answers.length)] as Honest
  const draft = honestDraft(honest)
  lie.tell(draft, victim, honest, random)
  const found = await judge(draft, victim, honest)
  if (found !== lie.caughtBy)
    throw new Error(`seed ${seed}: ${lie.name} (${victim.family}): ${found ?? 'accepted'}, expected ${lie.caughtBy}`)
  return lie.name
}

/** A request of the victim's model, and what a worker with its own key makes of it. */
export function signedAnswer(draft: Draft, { model }: Pick<Victim, 'model'>, honest: Honest) {
  const data = new Float32Array(honest.input.data)
  if (draft.input !== 'same') data[data.length >> 1] = draft.input === 'nan' ? Number.NaN : Number.POSITIVE_INFINITY
  const tensor = { dtype: 'float32' as const, shape: honest.input.shape, data: toBase64(new Uint8Array(data.buffer)) }
  const input = { type: 'tensor' as const, tensor }
  const request: Request = {
    agent: 'agent-1',
    number: 0,
    tick: 0,
    observation: null,
    model: model.digest,
    numeric: model.numeric,
    input,
    inputDigest: payloadDigest(input, nodeCrypto),
    proofKind: 'freivalds',
  }
  const statement = statementOf(draft, {
    nonce: NONCE,
    model: model.digest,
    numeric: INT_EXACT,
    inputDigest: request.inputDigest,
    proofKind: 'freivalds',
    worker: 'worker-1',
    runtime: 'any',
    startedMs: 1,
    finishedMs: 2,
  })
  const [, receipt] = signReceipts(draft.tamper === 'key' ? stranger : worker, [
    { ...statement, nonce: 'cd'.repeat(32) },
    statement,
  ]) as [Receipt, Receipt]
  if (draft.tamper === 'root') receipt.batch.root = '6a'.repeat(32)
  if (draft.tamper === 'index') receipt.batch.index = 0
  if (draft.tamper === 'path') receipt.batch.path = ['79'.repeat(32)]
  const answer = {
    request: NONCE,
    agent: 'agent-1',
    number: 0,
    result: {
      status: 'ok' as const,
      output: { type: 'tensor' as const, tensor: draft.output },
      receipt,
      proof: draft.proof ?? { kind: 'freivalds', trace: { inline: toBase64(draft.trace) } },
    },
  }
  return { request, answer }
}

/** The first check that fails, or null: the answer would be accepted. */
export async function judge(draft: Draft, victim: Victim, honest: Honest): Promise<string | null> {
  const { model, file } = victim
  const { request, answer: claimed } = signedAnswer(draft, victim, honest)
  const answer = response.safeParse(claimed)
  if (!answer.success) return 'schema'
  const { result } = answer.data
  if (result.status !== 'ok') return 'status'
  if (result.proof.kind !== result.receipt.statement.proofKind) return 'kind'
  const unfit = statementFault(nodeCrypto, {
    statement: result.receipt.statement,
    requestLeaf: NONCE,
    request,
    output: result.output,
  })
  if (unfit !== null) return `statement.${/^receipt\.(\w+)/.exec(unfit)?.[1]}`
  const unsigned = receiptFault(nodeCrypto, result.receipt, worker.publicKeyHex)
  if (unsigned !== null) return unsigned.startsWith('the receipt is not in the batch') ? 'batch' : 'signature'
  const report = await verifyProof(
    { request, requestLeaf: NONCE, answer: result, model, workers: [] },
    {
      crypto: nodeCrypto,
      engine: null,
      kernels: nodeKernels(),
      attestation: null,
      randomWords,
      modelFile: async () => file,
      blob: async () => new Uint8Array(0),
    },
    () => 0,
  )
  if (report.ok) return null
  const reason = REASONS.find(([pattern]) => pattern.test(report.detail))
  if (reason === undefined) throw new Error(`a reason that nobody expects: ${report.detail}`)
  return reason[1]
}

const REASONS: readonly [RegExp, string][] = [
  [/: accumulators: linear op \d+/, 'accumulators'],
  [/: size: the trace has \d+ bytes/, 'size'],
  [/: output: (output element|the output has \d+ elements)/, 'output'],
  [/: input: /, 'input'],
  [/the output has the shape/, 'shape'],
  [/input and output must be float32/, 'type'],
  [/signed no trace/, 'no trace'],
  [/the trace does not have the digest/, 'digest'],
]
