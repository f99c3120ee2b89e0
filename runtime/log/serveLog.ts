import fastify, { type FastifyInstance } from 'fastify'
import { z } from 'zod'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { fromHex, toBase64 } from '#verifier/evidence/bytes.ts'
import { canonicalBytes } from '#verifier/evidence/canonical.ts'
import { domainBytes } from '#verifier/evidence/digest.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { Appender, LogPort } from '#verifier/evidence/ports/log.ts'
import { count, ed25519Signature, json, leafHash } from '#verifier/evidence/primitives.ts'
import type { LogFiles } from '#verifier/log/verifyTree.ts'
import type { Cosigner } from './cosigner.ts'
import { serveFiles } from './serveFiles.ts'

/** A producer elsewhere: its handle on the log, and the key that must sign its appends. */
export type RemoteActor = { appender: Appender; publicKey: string }

/** Who may append what. */
export type Producers = {
  /** The handle of an actor on a run; null when there is none. */
  find(runId: string, actor: string): RemoteActor | null
  /** Starts a run at the request of its runtime; null where runs are started otherwise. */
  startRun: ((key: string) => string) | null
  /** The key that must sign the start of a run. */
  runtimeKey: string | null
}

/** How long a request may take to come in whole. */
const REQUEST_MS = 30_000

const idempotencyKey = z.string().min(1).max(200)
const appendBody = z.strictObject({
  runId: z.string().max(64),
  actor: z.string(),
  kind: z.string(),
  body: json,
  parents: z.array(leafHash).max(64),
  /** Names the step: the same append sent again is answered with the entry of the first time. */
  key: idempotencyKey,
  /** The author's own, of a record that its run claims (evidence.md §12, R6): it stands in the log. */
  recordSignature: ed25519Signature.optional(),
  signature: ed25519Signature,
})
const runBody = z.strictObject({ key: idempotencyKey, signature: ed25519Signature })

/** What a producer signs to append: domain `append` over the record's parts, its run and its step, so that it counts once. */
export function appendMessage(part: {
  runId: string
  actor: string
  kind: string
  body: unknown
  parents: readonly string[]
  key: string
}): Uint8Array {
  return domainBytes('append', canonicalBytes(part))
}

/** What a runtime signs to start a run: domain `append` over the step's key. */
export function startRunMessage(key: string): Uint8Array {
  return domainBytes('append', canonicalBytes({ startRun: key }))
}

/** The producers of one run that this process started: their handles as they are. */
export function fixedProducers(run: string, actors: readonly RemoteActor[]): Producers {
  const find: Producers['find'] = (runId, name) =>
    runId === run ? (actors.find(({ appender }) => appender.actor === name) ?? null) : null
  return { find, startRun: null, runtimeKey: null }
}

/**
 * The log over HTTP: authenticated append, fresh checkpoints and proofs straight from the write-ahead log, and, with
 * `files`, the published tree as C2SP tlog-tiles asks: the checkpoint is never cached, tiles never change.
 */
export function serveLog(
  log: LogPort,
  producers: Producers,
  files: LogFiles | null = null,
  cosigner: Pick<Cosigner, 'witnesses' | 'silent'> | null = null,
): FastifyInstance {
  const app = fastify({ bodyLimit: 256 * 1024, requestTimeout: REQUEST_MS })
  app.setErrorHandler((error, _request, reply) => {
    const code = error instanceof WarrantError ? error.code : 'BAD_INPUT'
    const status = code === 'UNAUTHORIZED' ? 403 : code === 'LOG_HALTED' ? 503 : code === 'EVIDENCE_MISSING' ? 404 : 400
    void reply.status(status).send({ code, message: reasonOf(error) })
  })
  const signedBy = (publicKey: string, message: Uint8Array, signature: string) =>
    nodeCrypto.verifyEd25519(fromHex(publicKey), message, fromHex(signature))

  app.post('/v1/runs', async request => {
    const { key, signature } = runBody.parse(request.body)
    const { startRun, runtimeKey } = producers
    if (startRun === null || runtimeKey === null || !signedBy(runtimeKey, startRunMessage(key), signature))
      throw new WarrantError('UNAUTHORIZED', 'the start of a run is not signed by the runtime')
    return { runId: startRun(key) }
  })
  app.post('/v1/append', async request => {
    const { prove } = z.strictObject({ prove: z.literal('1').optional() }).parse(request.query)
    const { signature, recordSignature, ...part } = appendBody.parse(request.body)
    const producer = producers.find(part.runId, part.actor)
    if (producer === null || !signedBy(producer.publicKey, appendMessage(part), signature))
      throw new WarrantError('UNAUTHORIZED', `the append is not signed by ${part.actor} of this run`)
    const { appender } = producer
    const appended = appender.append(part.kind as never, part.body as never, part.parents, part.key, recordSignature)
    await appended.durable
    const { index, leafHash: leaf } = appended
    return { index, leafHash: leaf, ...(prove === undefined ? {} : { proof: await log.prove(index) }) }
  })
  const witnesses = () =>
    (cosigner?.witnesses ?? []).map(name => ({ name, silent: cosigner?.silent.get(name) ?? null }))
  app.get('/v1/status', async () => ({ size: log.size, witnesses: witnesses() }))
  app.get('/metrics', async (_request, reply) => {
    const lines = [
      '# TYPE warrant_log_entries gauge',
      `warrant_log_entries ${log.size}`,
      '# HELP warrant_log_witness_silent 1 while a witness does not cosign',
      '# TYPE warrant_log_witness_silent gauge',
      ...witnesses().map(
        ({ name, silent }) => `warrant_log_witness_silent{witness="${name}"} ${silent === null ? 0 : 1}`,
      ),
    ]
    return reply.type('text/plain; version=0.0.4').send(`${lines.join('\n')}\n`)
  })
  app.get('/v1/checkpoint', async () => ({ note: await log.checkpoint() }))
  app.get('/v1/proof', async request => {
    const { index } = z.strictObject({ index: z.coerce.number().pipe(count) }).parse(request.query)
    if (index >= log.size) throw new WarrantError('EVIDENCE_MISSING', `the log has ${log.size} entries`)
    return { proof: await log.prove(index) }
  })
  app.get('/v1/entries', async request => {
    const { from, to } = z
      .strictObject({ from: z.coerce.number().pipe(count), to: z.coerce.number().pipe(count) })
      .parse(request.query)
    return { entries: (await log.entries(from, Math.min(to, from + 20_000))).map(toBase64) }
  })
  if (files !== null) serveFiles(app, files)
  return app
}
