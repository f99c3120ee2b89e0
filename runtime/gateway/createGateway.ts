import { encodeBase64 } from '#runtime/crypto/base64.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { createMerkleTree } from '#runtime/log/merkleTree.ts'
import { encodeJobResult } from '#runtime/queue/jobSchema.ts'
import { fromHex, toHex } from '#verifier/evidence/bytes.ts'
import { canonicalBytes } from '#verifier/evidence/canonical.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import { payloadDigest } from '#verifier/evidence/payloadDigest.ts'
import type { Clock } from '#verifier/evidence/ports/clock.ts'
import type { Appender } from '#verifier/evidence/ports/log.ts'
import type { Job, JobResult, QueuePort } from '#verifier/evidence/ports/queue.ts'
import type { BlobRef } from '#verifier/evidence/primitives.ts'
import { reasonText } from '#verifier/evidence/reasonText.ts'
import {
  type Carried,
  kindsIn,
  MOST_INLINE,
  type Proof,
  proofIn,
  type SingleProof,
} from '#verifier/evidence/records/proof.ts'
import type { Receipt } from '#verifier/evidence/records/receipt.ts'
import type { ModelInput, Request } from '#verifier/evidence/records/request.ts'
import type { Response } from '#verifier/evidence/records/response.ts'
import type { ModelIdentity } from '#verifier/evidence/records/run.ts'
import type { ProofPorts } from '#verifier/proof/proofKind.ts'
import { receiptFault, statementFault } from '#verifier/proof/receipt.ts'
import { verifyProof } from '#verifier/proof/verifyProof.ts'
import { agree } from './agree.ts'
import { type Fault, spoilt } from './fault.ts'
import { inputFault, outputFault } from './payloadFaults.ts'
import { withTimeout } from './withTimeout.ts'

/** Workers that one request is sent to, one after the other, while their answers do not hold. */
const ATTEMPTS = 16

/** Times that one request may end without any usable answer. */
const FAILURES = 3

/** Answers of one worker that did not hold, after which it gets no jobs for a while even where none convicts it. */
const STRIKES = 3

/** Milliseconds that a worker without blame is left alone. One that was convicted stays out until it is readmitted. */
const LEFT_ALONE = 10 * 60_000

/** A worker that gets no jobs: until when (null: until it is readmitted), and why. */
export type Aside = { worker: string; untilMs: number | null; why: string }

export type InferParameters = {
  agent: string
  tick: number
  observation: string | null
  model: string
  input: ModelInput
}
/** The logged answer to a request: its leaf hash and index, and the one terminal state that it records. */
export type InferResult = {
  response: string
  index: number
  result: Response['result']
  /** What its proof cost; null where there is none. */
  cost: ProofCost | null
}

/**
 * What an answer and its proof cost: workers that signed it and the time they took together, bytes that it carries beyond
 * receipts, and the gateway's own check of it (null: left to the verifier).
 */
export type ProofCost = { workers: number; workerMs: number; proofBytes: number; checkMicros: number | null }

export type Gateway = {
  /** A request that fails or times out is on record, and says so in its result. @throws LOG_HALTED, BAD_INPUT */
  infer(parameters: InferParameters): Promise<InferResult>
  /** Commits to the answers since the last seal, where any of them left a trace. */
  seal(): void
  readonly requests: number
  /** Workers that are set aside. */
  readonly caught: readonly string[]
  readonly aside: readonly Aside[]
  /** Takes over what others say of workers (`warrant gateway --readmit`), and lets those back whose time is over. */
  refresh(): Promise<void>
}

/** `engine`: for models that are run again before their answer is used; null: that is left to the verifier. */
export type GatewayChecks = Pick<ProofPorts, 'kernels' | 'randomWords' | 'modelFile'> & {
  engine(model: ModelIdentity): ProofPorts['engine']
}

export type CreateGatewayParameters = {
  log: Appender
  queue: QueuePort
  clock: Clock
  models: readonly ModelIdentity[]
  workers: readonly { id: string; operator: string; publicKey: string }[]
  /** What each model's answers are proven by: a kind, or several with `+` between them, in alphabetical order. */
  proofOf(model: ModelIdentity): string
  /** Takes payloads that are too long for a record. */
  putBlob(bytes: Uint8Array): BlobRef
  /**
   * Checks proofs before an answer is used, so that a lie costs a second try instead of a decision; null: left to the
   * verifier. A worker that is caught gets no more jobs, and is named in the log.
   */
  checks: GatewayChecks | null
  /** Answers after which an epoch is sealed, so that anybody can check it in public (evidence.md §4.1); null: only when asked. */
  sealEvery: number | null
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
  const caught = new Map<string, Aside & { isStored: boolean }>()
  const strikes = new Map<string, number>()
  let requests = 0
  let epoch = 0
  let unsealed: Uint8Array[] = []

  function seal(): void {
    if (unsealed.length === 0) return
    const leaves = unsealed
    unsealed = []
    log.append('seal', {
      epoch: epoch++,
      receipts: leaves.length,
      receiptsRoot: toHex(createMerkleTree(leaves).root()),
    })
  }

  /** Puts a request on record. Its number is taken with that: what cannot be recorded was never asked. @throws BAD_INPUT, LOG_HALTED */
  function ask({ agent, tick, observation, model, input }: Omit<InferParameters, 'model'> & { model: ModelIdentity }) {
    const number = numbers.get(agent) ?? 0
    // The log would record it with U+FFFD, which nobody asked.
    if (input.type === 'chat' && !input.body.isWellFormed())
      throw new WarrantError('BAD_INPUT', 'the request holds half of a surrogate pair: no Unicode text')
    try {
      const request: Request = {
        ...{ agent, number, tick, observation, input },
        model: model.digest,
        numeric: model.numeric,
        inputDigest: payloadDigest(input, nodeCrypto),
        proofKind: parameters.proofOf(model),
      }
      const logged = log.append('request', request, observation === null ? [] : [observation])
      numbers.set(agent, number + 1)
      requests++
      return { request, logged }
    } catch (cause) {
      if (!(cause instanceof WarrantError) || cause.code !== 'EVIDENCE_MALFORMED') throw cause
      throw new WarrantError('BAD_INPUT', `the request cannot be put on record: ${reasonOf(cause)}`, { cause })
    }
  }

  async function infer({ agent, tick, observation, model: name, input }: InferParameters): Promise<InferResult> {
    const model = models.find(candidate => candidate.name === name)
    if (model === undefined)
      throw noSuchModel(
        name,
        models.map(m => m.name),
      )
    const { request, logged } = ask({ agent, tick, observation, model, input })
    if (requestIs === 'durable') await logged.durable

    const answer = (result: Response['result'], cost: ProofCost | null): InferResult => {
      const response = log.append('response', { request: logged.leafHash, agent, number: request.number, result }, [
        logged.leafHash,
      ])
      if (result.status === 'ok' && proofIn(result.proof, 'freivalds') !== null) {
        unsealed.push(fromHex(response.leafHash))
        if (unsealed.length === parameters.sealEvery) seal()
      }
      return { response: response.leafHash, index: response.index, result, cost }
    }
    const unfit = inputFault(model, input)
    if (unfit !== null) return answer({ status: 'failed', reason: unfit }, null)
    await letBack()
    const job = {
      v: 1 as const,
      nonce: logged.leafHash,
      model,
      input,
      inputDigest: request.inputDigest,
      proofKind: request.proofKind,
      deadlineMs: clock.nowMs() + timeoutMs,
    }
    try {
      const until = performance.now() + timeoutMs
      for (;;) {
        const { accepted, cost } = await withTimeout(
          answered(job, request, model, logged.leafHash),
          Math.max(1, until - performance.now()),
        )
        // Whoever was caught on another request meanwhile is not believed on this one either.
        if (!caught.has(accepted.receipt.statement.worker)) return answer({ status: 'ok', ...accepted }, cost)
      }
    } catch (error) {
      const timedOut = error instanceof WarrantError && error.code === 'TIMED_OUT'
      return answer({ status: timedOut ? 'timedOut' : 'failed', reason: reasonText(reasonOf(error)) }, null)
    }
  }

  type Accepted = Omit<Extract<Response['result'], { status: 'ok' }>, 'status'>
  type Held = { accepted: Accepted; cost: ProofCost }

  function heldBy(accepted: Accepted, signed: readonly JobResult[], checkMicros: number | null): Held {
    const spans = signed.map(({ receipt: { statement } }) => statement.finishedMs - statement.startedMs)
    const [{ trace, attestation }] = signed as [JobResult]
    const carries = proofIn(accepted.proof, 'freivalds') === null ? 0 : (trace?.length ?? 0)
    const workerMs = spans.reduce((a, b) => a + b, 0)
    const proofBytes = carries + (attestation?.document.length ?? 0)
    return { accepted, cost: { workers: signed.length, workerMs, proofBytes, checkMicros } }
  }

  /** Two operators that agree, for the kinds that rest on that. */
  async function agreed(
    job: Job,
    request: Request,
    model: ModelIdentity,
    requestLeaf: string,
    /** Workers that have spoilt this request before. */
    spoiled = new Set<string>(),
  ): Promise<Held> {
    const { answer, others } = await agree({
      job,
      workers,
      avoid: new Set([...caught.keys(), ...spoiled]),
      attempts: ATTEMPTS,
      async ask(avoid) {
        const done = await queue.dispatch(job, avoid)
        const fault = faultOf(done, request, model, requestLeaf)
        if (fault === null) return done
        const { worker } = done.receipt.statement
        await setAside(worker, fault, `worker ${worker} answered wrongly: ${fault.reason}`, done, requestLeaf)
        return null
      },
      async convict(done, { where }) {
        const { worker } = done.receipt.statement
        const reason = `worker ${worker} answered wrongly: refereed: ${where} of model ${model.name}`
        await setAside(worker, { reason, kind: 'lied' }, reason, done, requestLeaf)
      },
      disagreed(one, other) {
        const [a, b] = [one.receipt.statement.worker, other.receipt.statement.worker]
        const evidence = parameters.putBlob(
          canonicalBytes({ request: requestLeaf, answers: [encodeJobResult(one), encodeJobResult(other)] }),
        )
        const reason = `workers ${a} and ${b} gave different answers: one of them is wrong`
        log.append('incident', { what: 'workers disagreed', caughtBy: 'gateway', reason, evidence }, [requestLeaf])
      },
      async modelFile() {
        if (parameters.checks === null) throw new WarrantError('BAD_INPUT', 'a gateway without checks has no referee')
        return parameters.checks.modelFile(model)
      },
    })
    const accepted = {
      output: answer.output,
      receipt: answer.receipt,
      proof: proofOf(
        answer,
        job.proofKind,
        others.map(({ receipt }) => receipt),
      ),
    }
    const { fault, checkMicros } = await proofFault({ accepted, done: answer, request, model, requestLeaf })
    if (fault === null) return heldBy(accepted, [answer, ...others], checkMicros)
    const before = spoiled.size
    // Each is held to what it sent and signed itself: what one spoilt is no fault of the other's.
    const all = [answer, ...others]
    for (const done of all) {
      const { worker } = done.receipt.statement
      const beside = all.filter(other => other !== done).map(({ receipt }) => receipt)
      const own = await proofFault({
        accepted: { ...accepted, receipt: done.receipt, proof: proofOf(done, job.proofKind, beside) },
        done,
        request,
        model,
        requestLeaf,
      })
      if (own.fault === null) continue
      await setAside(worker, own.fault, `worker ${worker} answered wrongly: ${own.fault.reason}`, done, requestLeaf)
      spoiled.add(worker)
    }
    if (spoiled.size === before) throw new WarrantError('WORKER_FAILED', fault.reason)
    return agreed(job, request, model, requestLeaf, spoiled)
  }

  /** Asks until an answer holds: when one does not, the same request goes to another worker. */
  async function answered(job: Job, request: Request, model: ModelIdentity, requestLeaf: string): Promise<Held> {
    const kinds = kindsIn(job.proofKind)
    if (kinds.includes('quorum') || kinds.includes('refereed')) return agreed(job, request, model, requestLeaf)
    const avoid = new Set(caught.keys())
    let last = ''
    let failures = 0
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const done = await queue.dispatch(job, avoid).catch((error: unknown) => {
        // A worker that gave nothing usable: the queue may know another. The request's own time bounds it all.
        if (!(error instanceof WarrantError) || error.retry !== 'safe' || ++failures >= FAILURES)
          throw last === '' ? error : new WarrantError('WORKER_FAILED', `${last}; then ${reasonOf(error)}`)
        return null
      })
      if (done === null) continue
      const { worker } = done.receipt.statement
      let fault = faultOf(done, request, model, requestLeaf)
      if (fault === null) {
        const accepted = { output: done.output, receipt: done.receipt, proof: proofOf(done, job.proofKind, []) }
        const checked = await proofFault({ accepted, done, request, model, requestLeaf })
        if (checked.fault === null) return heldBy(accepted, [done], checked.checkMicros)
        fault = checked.fault
      }
      last = `worker ${worker} answered wrongly: ${fault.reason}`
      if (parameters.checks === null) break
      avoid.add(worker)
      await setAside(worker, fault, last, done, requestLeaf)
      for (const id of caught.keys()) avoid.add(id)
    }
    throw new WarrantError('WORKER_FAILED', last)
  }

  /**
   * A worker whose own signed words are contradicted gets no more jobs, and is named in the log. Answers that anybody on
   * the way could have spoilt convict nobody; after some of them the worker is left alone, without blame.
   */
  async function setAside(
    worker: string,
    fault: Fault,
    last: string,
    done: JobResult,
    requestLeaf: string,
  ): Promise<void> {
    const hasLied = fault.kind === 'lied'
    const spoilt = (strikes.get(worker) ?? 0) + (fault.kind === 'unable' ? 0 : 1)
    strikes.set(worker, spoilt)
    if (caught.has(worker) || !workers.some(({ id }) => id === worker) || !(hasLied || spoilt >= STRIKES)) return
    const untilMs = hasLied ? null : clock.nowMs() + LEFT_ALONE
    const aside = { worker, untilMs, why: last.slice(0, 200), isStored: false }
    caught.set(worker, aside)
    // What the worker signed, so that anybody can convict it.
    const evidence = parameters.putBlob(canonicalBytes({ request: requestLeaf, ...encodeJobResult(done) }))
    const what = hasLied ? 'a worker lied' : 'the answers of a worker did not hold'
    const incident = { what, caughtBy: 'gateway', reason: reasonText(last), evidence }
    log.append('incident', hasLied ? { ...incident, accuses: worker } : incident, [requestLeaf])
    await queue.setAside(worker, untilMs)
    aside.isStored = true
  }

  function readmitted(worker: string, reason: string): void {
    caught.delete(worker)
    strikes.delete(worker)
    log.append('incident', { what: 'a worker gets jobs again', caughtBy: 'gateway', reason, evidence: worker })
  }

  /** Workers whose time is over get jobs again. */
  async function letBack(): Promise<void> {
    for (const { worker, untilMs } of [...caught.values()])
      if (untilMs !== null && untilMs <= clock.nowMs()) {
        readmitted(worker, `worker ${worker} was left alone for ${LEFT_ALONE / 60_000} minutes`)
        await queue.readmit(worker)
      }
  }

  async function refresh(): Promise<void> {
    await letBack()
    const held = await queue.aside()
    if (held === null) return
    for (const { worker, isStored } of [...caught.values()])
      if (isStored && !held.has(worker)) readmitted(worker, `worker ${worker} was readmitted by its gateway's operator`)
    for (const [worker, untilMs] of held)
      if (!caught.has(worker) && (untilMs === null || untilMs > clock.nowMs()))
        caught.set(worker, { worker, untilMs, why: 'set aside before this gateway started', isStored: true })
  }

  function proofOf(done: JobResult, name: string, receipts: Receipt[]): Proof {
    const proofs = kindsIn(name).map(kind => singleProof(done, kind, receipts))
    return proofs.length === 1 ? (proofs[0] as SingleProof) : { kind: 'all', proofs }
  }

  /** @throws WORKER_FAILED for a kind that a worker cannot be asked for, or that lacks what it rests on */
  function singleProof({ trace, attestation }: JobResult, kind: string, receipts: Receipt[]): SingleProof {
    switch (kind) {
      case 'signed':
      case 'replay':
        return { kind }
      case 'freivalds':
        return { kind, trace: carried(trace ?? new Uint8Array(0)) }
      case 'quorum':
      case 'refereed':
        return { kind, receipts }
      case 'tee':
        if (attestation === null) throw new WarrantError('WORKER_FAILED', 'a worker sent no attestation of its key')
        return { kind, attestation: carried(attestation.document) }
      case 'opengradient':
        if (attestation?.publicKey == null)
          throw new WarrantError('WORKER_FAILED', 'a relay sent no attested key of its gateway')
        return { kind, publicKey: encodeBase64(attestation.publicKey), attestation: carried(attestation.document) }
      default:
        throw new WarrantError('WORKER_FAILED', `no worker proves by ${kind}`)
    }
  }

  function carried(bytes: Uint8Array): Carried {
    const isShort = 4 * Math.ceil(bytes.length / 3) <= MOST_INLINE
    return isShort ? { inline: encodeBase64(bytes) } : parameters.putBlob(bytes)
  }

  /** What readers of the log would find wrong with an answer. A statement that breaks their rules is the worker's own. */
  async function recordFault(accepted: Accepted, request: Request, requestLeaf: string): Promise<Fault | null> {
    const result = { status: 'ok' as const, ...accepted }
    const body = { request: requestLeaf, agent: request.agent, number: request.number, result }
    const [reason] = await log.faultsOf('response', body, [requestLeaf])
    const isStatement = reason?.startsWith('body.result.receipt.statement.') === true
    return reason === undefined ? null : { reason, kind: isStatement ? 'lied' : 'spoilt' }
  }

  async function proofFault({
    accepted,
    done,
    request,
    model,
    requestLeaf,
  }: {
    accepted: Accepted
    done: JobResult
    request: Request
    model: ModelIdentity
    requestLeaf: string
  }): Promise<{ fault: Fault | null; checkMicros: number | null }> {
    const { checks } = parameters
    const unfit = signatures === 'atOnce' ? await recordFault(accepted, request, requestLeaf) : null
    if (unfit !== null) return { fault: unfit, checkMicros: null }
    const engine = checks?.engine(model) ?? null
    const proof = proofIn(accepted.proof, 'freivalds') ?? (engine === null ? null : proofIn(accepted.proof, 'replay'))
    if (checks === null || proof === null) return { fault: null, checkMicros: null }
    const report = await verifyProof(
      { request, requestLeaf, answer: { status: 'ok', ...accepted, proof }, model, workers },
      {
        ...checks,
        crypto: nodeCrypto,
        engine,
        blob: async () => done.trace ?? new Uint8Array(0),
        attestation: null,
      },
      () => 1_000 * performance.now(),
    )
    const kind = report.convicts === true ? 'lied' : report.unable === true ? 'unable' : 'spoilt'
    const fault: Fault | null = report.ok ? null : { reason: report.detail, kind }
    return { fault, checkMicros: report.costMicros }
  }

  function faultOf(
    { output, receipt, attestation }: JobResult,
    request: Request,
    model: ModelIdentity,
    requestLeaf: string,
  ): Fault | null {
    const worker = workers.find(candidate => candidate.id === receipt.statement.worker)
    if (worker === undefined) return spoilt(`worker ${receipt.statement.worker} is not registered`)
    if (caught.has(worker.id)) return spoilt(`worker ${worker.id} was set aside before`)
    const kinds = kindsIn(request.proofKind)
    if (kinds.includes('tee') && attestation === null) return spoilt('it sent no attestation of its key')
    if (kinds.includes('opengradient') && attestation?.publicKey == null)
      return spoilt('it sent no attested key of its gateway')
    const wrong = statementFault(nodeCrypto, { statement: receipt.statement, requestLeaf, request, output })
    if (wrong !== null) return spoilt(wrong)
    const unsigned = signatures === 'atOnce' ? receiptFault(nodeCrypto, receipt, worker.publicKey) : null
    if (unsigned !== null) return spoilt(unsigned)
    // What it signed over is no answer of this model, whatever its numbers.
    const malformed = outputFault(model, request.input, output)
    return malformed === null ? null : { reason: malformed, kind: signatures === 'atOnce' ? 'lied' : 'spoilt' }
  }

  return {
    infer,
    seal,
    get requests() {
      return requests
    },
    refresh,
    get caught() {
      return [...caught.keys()]
    },
    get aside() {
      return [...caught.values()].map(({ worker, untilMs, why }) => ({ worker, untilMs, why }))
    },
  }
}

/** What a gateway says of a model that its run does not have. */
export function noSuchModel(name: string, names: readonly string[]): WarrantError {
  return new WarrantError('BAD_INPUT', `no model ${name}: this run has ${names.join(', ') || 'none'}`)
}
