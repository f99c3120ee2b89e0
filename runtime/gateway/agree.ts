import { decodeBase64 } from '#runtime/crypto/base64.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { digestBytes } from '#verifier/evidence/digest.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { Job, JobResult } from '#verifier/evidence/ports/queue.ts'
import { kindsIn } from '#verifier/evidence/records/proof.ts'
import { readIntGraph } from '#verifier/model/intGraph.ts'
import { LEAST_OPERATORS } from '#verifier/proof/agreement.ts'
import { type Claim, type Ruling, referee } from '#verifier/proof/refereed/referee.ts'

type Registered = { id: string; operator: string }

export type AgreeParameters = {
  job: Job
  workers: readonly Registered[]
  /** Workers that must not be asked, to begin with. */
  avoid: ReadonlySet<string>
  /** An answer whose receipt is a listed worker's and fits the request; null when it gave none that does. */
  ask(avoid: ReadonlySet<string>): Promise<JobResult | null>
  /** What a referee found: the worker's own signed words are wrong. */
  convict(done: JobResult, ruling: Ruling): Promise<void>
  /** Two answers differ, and nobody can say here who is wrong. */
  disagreed(one: JobResult, other: JobResult): void
  modelFile(): Promise<Uint8Array>
  attempts: number
}

/**
 * Asks workers of different operators until two give the same answer. For `refereed`, answers that differ are brought
 * before the referee at once, and who is wrong is out.
 *
 * @throws WORKER_FAILED when no two operators agree
 */
export async function agree(parameters: AgreeParameters): Promise<{ answer: JobResult; others: JobResult[] }> {
  const { job, workers, ask } = parameters
  const isRefereed = kindsIn(job.proofKind).includes('refereed')
  const avoid = new Set(parameters.avoid)
  const operatorOf = (id: string) => workers.find(worker => worker.id === id)?.operator ?? id
  const signedSame = (a: JobResult, b: JobResult) =>
    a.receipt.statement.outputDigest === b.receipt.statement.outputDigest &&
    a.receipt.statement.traceDigest === b.receipt.statement.traceDigest
  let answers: JobResult[] = []
  for (let attempt = 0; attempt < parameters.attempts; attempt++) {
    const done = await ask(avoid)
    if (done === null) continue
    const { worker, traceDigest } = done.receipt.statement
    const operator = operatorOf(worker)
    for (const { id } of workers.filter(candidate => candidate.operator === operator)) avoid.add(id)
    if (answers.some(({ receipt }) => operatorOf(receipt.statement.worker) === operator)) continue
    // A trace that is not the signed one says nothing about its worker.
    if (isRefereed && (done.trace === null || digestBytes('trace', done.trace, nodeCrypto) !== traceDigest)) continue
    let isOut = false
    for (const other of answers.filter(before => !signedSame(before, done))) {
      if (!isRefereed) {
        parameters.disagreed(other, done)
        continue
      }
      const wrong = await wrongOf(parameters, [other, done])
      if (wrong.includes(other)) answers = answers.filter(answer => answer !== other)
      isOut ||= wrong.includes(done)
    }
    if (!isOut) answers.push(done)
    const last = answers.at(-1)
    const same = last === undefined ? [] : answers.filter(answer => signedSame(answer, last))
    const [answer, ...others] = same
    if (answer !== undefined && same.length >= LEAST_OPERATORS) return { answer, others }
  }
  throw new WarrantError('WORKER_FAILED', `no ${LEAST_OPERATORS} operators gave the same answer`)
}

/** Which of two answers that differ the referee finds wrong, one at least; each is convicted. */
async function wrongOf(
  { job, convict, modelFile }: AgreeParameters,
  answers: readonly JobResult[],
): Promise<JobResult[]> {
  if (job.input.type !== 'tensor') return []
  const graph = readIntGraph(await modelFile())
  const { shape, data } = job.input.tensor
  const input = { shape, data: new Float32Array(decodeBase64(data).buffer) }
  const ruling = referee(graph, input, answers.map(claimOf))
  if (ruling === null) return []
  const wrong = answers.filter((_, i) => ruling.wrong.includes(i))
  for (const answer of wrong) await convict(answer, ruling)
  return wrong
}

function claimOf({ output, trace }: JobResult): Claim {
  if (output.type !== 'tensor') throw new WarrantError('WORKER_FAILED', 'only tensors can be refereed')
  return { output: new Float32Array(decodeBase64(output.tensor.data).buffer), trace: trace ?? new Uint8Array(0) }
}
