import { fromHex, toHex } from '#verifier/evidence/bytes.ts'
import { reasonOf } from '#verifier/evidence/error.ts'
import type { RecordOf } from '#verifier/evidence/record.ts'
import { proofIn } from '#verifier/evidence/records/proof.ts'
import type { ModelIdentity } from '#verifier/evidence/records/run.ts'
import { createFrontier } from '#verifier/log/frontier.ts'
import type { IntGraph } from '#verifier/model/intGraph.ts'
import { checkTrace, openTrace, readModel, soundnessOf } from '#verifier/proof/freivalds/openTrace.ts'
import { publicCoins } from '#verifier/proof/freivalds/publicCoins.ts'
import { prepareTraceCheck, type TraceCheck } from '#verifier/proof/freivalds/traceCheck.ts'
import type { ProofPorts } from '#verifier/proof/proofKind.ts'

/** Columns of public coins: whoever keeps the log can try roots, which costs a bit of soundness for each doubling. */
const COLUMNS = 4

/** An epoch that was checked with coins that everybody derives: its seal, the root that they come from, what held. */
export type PublicEpoch = {
  run: string
  epoch: number
  /** Entries under `root`: the seal is the last of them. */
  size: number
  root: string
  held: number
  refused: { entry: number; reason: string }[]
  /** −log2 of the chance that a wrong answer of the epoch passes, for each root that the log's keeper could try. */
  soundnessBits: number
}

type Answer = { index: number; response: RecordOf<'response'>; request: RecordOf<'request'>; run: RecordOf<'run'> }

/** Follows a log from its first entry, and checks each sealed epoch in public (evidence.md §4.1): the same result for everybody. */
export function createPublicEpochs(ports: ProofPorts, origin: string) {
  const frontier = createFrontier(ports.crypto)
  const waiting = new Map<string, Answer[]>()
  const graphs = new Map<string, Promise<IntGraph>>()
  const epochs: PublicEpoch[] = []

  async function check(seal: RecordOf<'seal'>, answers: readonly Answer[]): Promise<PublicEpoch> {
    const [size, root] = [frontier.size, toHex(frontier.root())]
    const epoch: PublicEpoch = {
      run: seal.runId,
      epoch: seal.body.epoch,
      size,
      root,
      held: 0,
      refused: [],
      soundnessBits: 32 * COLUMNS,
    }
    const checks = new Map<string, TraceCheck>()
    for (const answer of answers) {
      const reason = await faultOf(answer, { size, root }, checks, epoch).catch(reasonOf)
      if (reason === null) epoch.held++
      else epoch.refused.push({ entry: answer.index, reason })
    }
    return epoch
  }

  async function faultOf(
    { response, request, run }: Answer,
    { size, root }: { size: number; root: string },
    checks: Map<string, TraceCheck>,
    epoch: PublicEpoch,
  ): Promise<string | null> {
    const { result: answer, request: requestLeaf } = response.body
    const { model: digest, numeric } = request.body
    const { kernels, crypto } = ports
    if (kernels === null) return 'this verifier has no kernels'
    if (answer.status !== 'ok') return 'carries no trace'
    const model = run.body.models.find(candidate => candidate.digest === digest && candidate.numeric === numeric)
    if (model === undefined) return 'its model is not one of the run'
    const subject = { request: request.body, requestLeaf, answer, model, workers: run.body.keys.workers }
    const opened = await openTrace(subject, () => graphOf(model), ports)
    if ('detail' in opened) return opened.detail
    const graph = await graphOf(model)
    let check = checks.get(digest)
    if (check === undefined) {
      const random = publicCoins(crypto, { origin, size, root, model: digest })
      check = prepareTraceCheck({ graph, kernels, columns: COLUMNS, random })
      checks.set(digest, check)
      epoch.soundnessBits = Math.min(epoch.soundnessBits, soundnessOf(check, graph))
    }
    return checkTrace(check, opened, subject)?.detail ?? null
  }

  function graphOf(model: ModelIdentity): Promise<IntGraph> {
    let graph = graphs.get(model.digest)
    if (graph === undefined) {
      graph = readModel(model, ports)
      graphs.set(model.digest, graph)
    }
    return graph
  }

  return {
    epochs: epochs as readonly PublicEpoch[],
    /** Every entry in order. `answer`: the request and run of a response. */
    async take(
      index: number,
      leafHash: string,
      record: RecordOf<'response'> | RecordOf<'seal'> | null,
      answer: Omit<Answer, 'index' | 'response'> | null,
    ) {
      frontier.append(fromHex(leafHash))
      if (record?.kind === 'response' && answer !== null) {
        const { result } = record.body
        if (result.status === 'ok' && proofIn(result.proof, 'freivalds') !== null)
          waiting.set(record.runId, [...(waiting.get(record.runId) ?? []), { index, response: record, ...answer }])
      } else if (record?.kind === 'seal') {
        const answers = waiting.get(record.runId) ?? []
        waiting.delete(record.runId)
        epochs.push(await check(record, answers))
      }
    },
  }
}
