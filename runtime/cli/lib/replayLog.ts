import { createSandbox } from '#agents/sandbox/createSandbox.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { nodeKernels, randomWords } from '#runtime/crypto/nodeKernels.ts'
import { onnxEngine } from '#runtime/worker/onnxEngine.ts'
import { openAttestations } from '#verifier/attestation/openAttestations.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { BlobRef } from '#verifier/evidence/primitives.ts'
import type { Policy } from '#verifier/policy/policy.ts'
import { emptyReplay, type ReplayReport, replayRecords } from '#verifier/replay/replayLog.ts'
import { type LogPlace, withLogPlace } from './reading/logPlace.ts'
import { payloadsIn } from './reading/payloadsIn.ts'
import { broken, type Reading, type ReadOptions, readPlace, trustIn } from './reading/readLog.ts'

/** `against`: another policy, of which is to be said what it would have denied or allowed. */
export type ReplayOptions = ReadOptions & { isPublic?: boolean; runModels?: boolean; against?: Policy | null }

/** A replay, and the log as it was read meanwhile. */
export type Replayed = ReplayReport & { reading: Reading }

/**
 * Replays a log, a bundle of one, or the decisions of a `.warrant`, in this process's sandbox.
 *
 * @throws FILE_MISSING, UNREACHABLE, BAD_INPUT when what is there cannot be derived again
 */
export async function replayLog(
  where: string,
  options: ReplayOptions,
  onDecision?: (done: number) => void,
): Promise<Replayed> {
  try {
    return await replayPlace(where, options, onDecision)
  } catch (error) {
    const reading = broken(where, error)
    return { ...emptyReplay(), findings: reading.report.findings, reading }
  }
}

function replayPlace(
  where: string,
  { isPublic = false, runModels = false, against = null, ...options }: ReplayOptions,
  onDecision?: (done: number) => void,
): Promise<Replayed> {
  return withLogPlace(where, async place => {
    const trust = await trustIn(place, options)
    const payloads = await payloadsIn(place)
    refuseParts(place, payloads, isPublic)
    let reading: Reading | null = null
    /** What the replay itself stumbles over is its finding; what could not be read is not. */
    let unread: unknown = null
    let isInside = false
    const report = await replayRecords(
      {
        crypto: nodeCrypto,
        sandbox: createSandbox(),
        kernels: nodeKernels(),
        attestations: openAttestations(),
        engine: runModels ? onnxEngine : null,
        randomWords,
        isPublic,
        policy: against,
        ...(onDecision === undefined ? {} : { onDecision }),
      },
      {
        key: trust.trusted.key,
        isWhole: place.kind !== 'warrant',
        payload: payloadOf(payloads),
        async read(onRecord) {
          try {
            reading = await readPlace(place, options, async (...record) => {
              isInside = true
              await onRecord(...record)
              isInside = false
            })
            return reading.report
          } catch (error) {
            if (!isInside) unread = error
            throw error
          }
        },
      },
    )
    if (unread !== null) throw unread
    reading ??= await readPlace(place, options)
    return { ...report, reading }
  })
}

function payloadOf(payloads: ReadonlyMap<string, Uint8Array>) {
  return ({ sha256 }: BlobRef): Uint8Array => {
    const bytes = payloads.get(sha256)
    if (bytes === undefined)
      throw new WarrantError('EVIDENCE_MISSING', `blob ${sha256} is missing: the log is whole, this payload is not`)
    return bytes
  }
}

/** What holds too little to derive anything from it. @throws BAD_INPUT */
function refuseParts(place: LogPlace, payloads: ReadonlyMap<string, Uint8Array>, isPublic: boolean): void {
  const { where } = place
  if (place.kind !== 'warrant') {
    if (place.range === null) return
    const { from, to } = place.range
    throw new WarrantError(
      'BAD_INPUT',
      `${where}: holds entries ${from} to ${to} alone, and decisions rest on others: take the whole log, or a .warrant`,
    )
  }
  if (isPublic)
    throw new WarrantError('BAD_INPUT', `--public: ${where} holds decisions alone: sealed epochs need the whole log`)
  if (payloads.size === 0)
    throw new WarrantError(
      'BAD_INPUT',
      `${where}: was exported without payloads: no strategy is in it that could be run again`,
    )
}
