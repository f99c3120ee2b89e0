import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { fromHex, toBase64 } from '#verifier/evidence/bytes.ts'
import { canonicalBytes } from '#verifier/evidence/canonical.ts'
import { domainBytes } from '#verifier/evidence/digest.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { Appended, Appender, LogPort } from '#verifier/evidence/ports/log.ts'
import { count, ed25519Signature, json, leafHash } from '#verifier/evidence/primitives.ts'
import type { LogFiles } from '#verifier/log/verifyTree.ts'
import type { HttpClient } from '#verifier/service/http/clients.ts'
import { createHttpServer, type Door } from '#verifier/service/http/createHttpServer.ts'
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

/** Entries of one answer: so many, and so many bytes, the first in any case. */
const MOST_ENTRIES = 20_000
const MOST_ENTRY_BYTES = 8 * 1024 * 1024

/** What one producer may ask for: it appends as fast as its run goes. */
const PRODUCER_RATE = { burst: 20_000, perSecond: 5_000 }
/** Appends of one producer that are made durable together. */
const APPEND: Partial<Door> = { kind: 'append', atOnce: 256, waiting: 256 }
const PUBLIC: Partial<Door> = { isPublic: true }
/** What the published tree is read by: many small files, and packs of payloads. */
const READER_RATE = { burst: 20_000, perSecond: 2_000 }

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
 * `files`, the published tree as C2SP tlog-tiles asks: the checkpoint is never cached, tiles never change. `clients`: who
 * may append, by token, beside the signature of each append; null: whoever reaches it, which MUST be this machine alone.
 * What is appended passes the checks of its readers first.
 */
export function serveLog(
  log: LogPort,
  producers: Producers,
  files: LogFiles | null = null,
  cosigner: Pick<Cosigner, 'witnesses' | 'silent'> | null = null,
  clients: readonly HttpClient[] | null = null,
): FastifyInstance {
  const app = createHttpServer({
    clients,
    clientRate: PRODUCER_RATE,
    strangerRate: READER_RATE,
    statusOf: code =>
      code === 'UNAUTHORIZED' ? 403 : code === 'LOG_HALTED' ? 503 : code === 'EVIDENCE_MISSING' ? 404 : 400,
  })
  const signedBy = (publicKey: string, message: Uint8Array, signature: string) =>
    nodeCrypto.verifyEd25519(fromHex(publicKey), message, fromHex(signature))

  app.post('/v1/runs', { config: { door: APPEND } }, async request => {
    const { key, signature } = runBody.parse(request.body)
    const { startRun, runtimeKey } = producers
    if (startRun === null || runtimeKey === null || !signedBy(runtimeKey, startRunMessage(key), signature))
      throw new WarrantError('UNAUTHORIZED', 'the start of a run is not signed by the runtime')
    return { runId: startRun(key) }
  })
  /** Appends one after the other: what was checked is what the next one comes after. */
  let last: Promise<unknown> = Promise.resolve()
  async function admit(appender: Appender, part: z.infer<typeof appendBody>): Promise<Appended> {
    const { kind, body, parents, key, recordSignature } = part
    if (!appender.knows(key)) {
      const faults = await appender.faultsOf(kind as never, body as never, parents, recordSignature)
      if (faults.length > 0)
        throw new WarrantError('BAD_INPUT', `the ${kind} is not appended: ${faults.slice(0, 5).join('; ')}`)
    }
    return appender.append(kind as never, body as never, parents, key, recordSignature)
  }

  app.post('/v1/append', { config: { door: APPEND } }, async request => {
    const { prove } = z.strictObject({ prove: z.literal('1').optional() }).parse(request.query)
    const given = appendBody.parse(request.body)
    const { signature, recordSignature: _, ...part } = given
    const producer = producers.find(part.runId, part.actor)
    if (producer === null || !signedBy(producer.publicKey, appendMessage(part), signature))
      throw new WarrantError('UNAUTHORIZED', `the append is not signed by ${part.actor} of this run`)
    const { appender } = producer
    const admitting = last.then(() => admit(appender, given))
    last = admitting.catch(() => {})
    const appended = await admitting
    await appended.durable
    const { index, leafHash: leaf } = appended
    return { index, leafHash: leaf, ...(prove === undefined ? {} : { proof: await log.prove(index) }) }
  })
  const witnesses = () =>
    (cosigner?.witnesses ?? []).map(name => ({ name, silent: cosigner?.silent.get(name) ?? null }))
  app.get('/v1/status', { config: { door: PUBLIC } }, async () => ({ size: log.size, witnesses: witnesses() }))
  app.get('/metrics', { config: { door: PUBLIC } }, async (_request, reply) => {
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
  app.get('/v1/checkpoint', { config: { door: PUBLIC } }, async () => ({ note: await log.checkpoint() }))
  app.get('/v1/proof', { config: { door: PUBLIC } }, async request => {
    const { index } = z.strictObject({ index: z.coerce.number().pipe(count) }).parse(request.query)
    if (index >= log.size) throw new WarrantError('EVIDENCE_MISSING', `the log has ${log.size} entries`)
    return { proof: await log.prove(index) }
  })
  app.get('/v1/entries', { config: { door: PUBLIC } }, async request => {
    const { from, to } = z
      .strictObject({ from: z.coerce.number().pipe(count), to: z.coerce.number().pipe(count) })
      .parse(request.query)
    return { entries: await someEntries(log, from, Math.min(to, log.size, from + MOST_ENTRIES)) }
  })
  if (files !== null) serveFiles(app, files)
  return app
}

/** Entries from `from` on in base64, as far as one answer goes; who wants more asks from there. */
async function someEntries(log: LogPort, from: number, to: number): Promise<string[]> {
  const part: string[] = []
  let bytes = 0
  for (let at = from; at < to; at += 256)
    for (const entry of await log.entries(at, Math.min(to, at + 256))) {
      const text = toBase64(entry)
      bytes += text.length
      if (part.length > 0 && bytes > MOST_ENTRY_BYTES) return part
      part.push(text)
    }
  return part
}
