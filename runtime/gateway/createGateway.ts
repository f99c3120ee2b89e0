import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import { payloadDigest } from '#verifier/evidence/payloadDigest.ts'
import type { Clock } from '#verifier/evidence/ports/clock.ts'
import type { Appender } from '#verifier/evidence/ports/log.ts'
import type { JobResult, QueuePort } from '#verifier/evidence/ports/queue.ts'
import type { ModelInput, Request } from '#verifier/evidence/records/request.ts'
import type { Response } from '#verifier/evidence/records/response.ts'
import type { ModelIdentity } from '#verifier/evidence/records/run.ts'
import { receiptFault, statementFault } from '#verifier/proof/receipt.ts'

export type InferParameters = {
  agent: string
  tick: number
  observation: string | null
  model: string
  input: ModelInput
}
/** The logged answer to a request: its leaf hash, and the one terminal state that it records. */
export type InferResult = { response: string; result: Response['result'] }

export type Gateway = {
  /** A request that fails or times out is on record, and says so in its result. @throws LOG_HALTED, BAD_INPUT */
  infer(parameters: InferParameters): Promise<InferResult>
  readonly requests: number
}

export type CreateGatewayParameters = {
  log: Appender
  queue: QueuePort
  clock: Clock
  models: readonly ModelIdentity[]
  workers: readonly { id: string; publicKey: string }[]
  proofKind: 'signed' | 'replay'
  timeoutMs: number
  /** `durable`: a request survives a power loss before it is dispatched. `ordered`: it stands before its answer (backtests, which have no effects). */
  requestIs: 'durable' | 'ordered'
  /**
   * `atOnce`: a worker's signature is checked before its answer is used. `byVerifier`: only what the receipt says is; the
   * signature is checked by whoever relies on the record (backtests, whose worker is this process).
   */
  signatures: 'atOnce' | 'byVerifier'
}

/** The door to models: numbers every request without gaps, logs it before dispatch, and logs its one terminal state. */
export function createGateway(parameters: CreateGatewayParameters): Gateway {
  const { log, queue, clock, models, workers, timeoutMs, requestIs, signatures } = parameters
  const numbers = new Map<string, number>()
  let requests = 0

  async function infer({ agent, tick, observation, model: name, input }: InferParameters): Promise<InferResult> {
    const model = models.find(candidate => candidate.name === name)
    if (model === undefined)
      throw new WarrantError(
        'BAD_INPUT',
        `no model ${name}: this run has ${models.map(m => m.name).join(', ') || 'none'}`,
      )
    const number = numbers.get(agent) ?? 0
    numbers.set(agent, number + 1)
    requests++
    const inputDigest = payloadDigest(input, nodeCrypto)
    // A hosted model cannot be run again by anybody here: its relay's signature is all that there is.
    const proofKind = model.file === null ? ('signed' as const) : parameters.proofKind
    const request: Request = {
      agent,
      number,
      tick,
      observation,
      model: model.digest,
      numeric: model.numeric,
      input,
      inputDigest,
      proofKind,
    }
    const logged = log.append('request', request, observation === null ? [] : [observation])
    if (requestIs === 'durable') await logged.durable

    const answer = (result: Response['result']): InferResult => {
      const response = log.append('response', { request: logged.leafHash, agent, number, result }, [logged.leafHash])
      return { response: response.leafHash, result }
    }
    let done: JobResult
    try {
      const job = {
        v: 1 as const,
        nonce: logged.leafHash,
        model,
        input,
        inputDigest,
        proofKind,
        deadlineMs: clock.nowMs() + timeoutMs,
      }
      done = await withTimeout(queue.dispatch(job), timeoutMs)
      const fault = faultOf(done, request, logged.leafHash)
      if (fault !== null)
        throw new WarrantError('WORKER_FAILED', `worker ${done.receipt.statement.worker} answered wrongly: ${fault}`)
    } catch (error) {
      const timedOut = error instanceof WarrantError && error.code === 'TIMED_OUT'
      return answer({ status: timedOut ? 'timedOut' : 'failed', reason: reasonOf(error).slice(0, 2_000) })
    }
    return answer({ status: 'ok', output: done.output, receipt: done.receipt, proof: { kind: proofKind } })
  }

  function faultOf({ output, receipt }: JobResult, request: Request, requestLeaf: string): string | null {
    const worker = workers.find(candidate => candidate.id === receipt.statement.worker)
    if (worker === undefined) return `worker ${receipt.statement.worker} is not registered`
    const wrong = statementFault(nodeCrypto, { statement: receipt.statement, requestLeaf, request, output })
    return wrong ?? (signatures === 'atOnce' ? receiptFault(nodeCrypto, receipt, worker.publicKey) : null)
  }

  return {
    infer,
    get requests() {
      return requests
    },
  }
}

function withTimeout<T>(promise: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new WarrantError('TIMED_OUT', `no answer within ${timeoutMs} ms`)), timeoutMs)
  })
  return Promise.race([promise, expired]).finally(() => clearTimeout(timer))
}
