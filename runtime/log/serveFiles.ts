import type { FastifyInstance } from 'fastify'
import { utf8 } from '#verifier/evidence/bytes.ts'
import { parseTilePath } from '#verifier/log/tiles.ts'
import type { LogFiles } from '#verifier/log/verifyTree.ts'
import type { Door } from '#verifier/service/http/createHttpServer.ts'

/** What is public by its nature. */
const PUBLIC: Partial<Door> = { isPublic: true }
/** Tiles and payloads: a reader fetches many at a time. */
const TILES: Partial<Door> = { isPublic: true, kind: 'files', atOnce: 16, waiting: 256 }

const TEXT = 'text/plain; charset=utf-8'
const FOREVER = 'public, max-age=31536000, immutable'

/** A published tree as C2SP tlog-tiles asks: the checkpoint is never cached, tiles never change. */
export function serveFiles(app: FastifyInstance, files: LogFiles): void {
  app.get('/checkpoint', { config: { door: PUBLIC } }, async (_request, reply) =>
    send(reply, await files.read('checkpoint'), TEXT, 'no-cache'),
  )
  app.get('/vkey', { config: { door: PUBLIC } }, async (_request, reply) =>
    send(reply, await files.read('vkey'), TEXT, 'no-cache'),
  )
  app.get('/retired', { config: { door: PUBLIC } }, async (_request, reply) =>
    send(reply, await files.read('retired'), TEXT, 'no-cache'),
  )
  app.get('/tile/*', { config: { door: TILES } }, async (request, reply) => {
    const path = request.url.slice(1)
    const bytes = parseTilePath(path) === null ? null : await files.read(path)
    return send(reply, bytes, 'application/octet-stream', FOREVER)
  })
  app.get('/blobs/', { config: { door: PUBLIC } }, async (_request, reply) => {
    const packs = (await files.list()).filter(path => /^blobs\/pack-\d{6}$/.test(path)).sort()
    return send(reply, utf8(packs.map(path => `${path.slice('blobs/'.length)}\n`).join('')), TEXT, 'no-cache')
  })
  app.get('/blobs/:pack', { config: { door: TILES } }, async (request, reply) => {
    const path = request.url.slice(1)
    // The newest pack still grows.
    const bytes = /^blobs\/pack-\d{6}$/.test(path) ? await files.read(path) : null
    return send(reply, bytes, 'application/octet-stream', 'no-cache')
  })
}

type Reply = {
  status(code: number): Reply
  header(name: string, value: string): Reply
  type(type: string): Reply
  send(body: unknown): unknown
}

function send(reply: Reply, bytes: Uint8Array | null, type: string, cache: string): unknown {
  return bytes === null
    ? reply.status(404).type(TEXT).header('cache-control', 'no-cache').send('not found\n')
    : reply.type(type).header('cache-control', cache).send(Buffer.from(bytes))
}
