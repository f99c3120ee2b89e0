import fastify from 'fastify'
import { openEd25519Key } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { createWitness } from '#runtime/log/createWitness.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { parseVkey } from '#verifier/log/signedNote.ts'
import { lockFile, takeLock } from '#verifier/service/takeLock.ts'
import { serveUntilStopped } from './serve.ts'

/** Runs a witness until SIGTERM. @throws BAD_INPUT, PORT_IN_USE, LOG_LOCKED */
export async function runWitness({
  key,
  state,
  log,
  name,
  port,
}: {
  key: string
  state: string
  log: string[]
  name: string
  port: string
}): Promise<void> {
  const number = Number(port)
  if (!Number.isInteger(number) || number < 0 || number > 65_535)
    throw new WarrantError('BAD_INPUT', `--port must be 0 to 65535, got ${port}`)
  const signer = openEd25519Key(key)
  // One key and one state, in one process: two would cosign both sides of a fork.
  const unlock = [lockFile(key, 'this witness key'), takeLock(`${state}.lock`, 'this witness state')]
  const witness = createWitness({
    name,
    signer,
    logs: log.map(text => parseVkey(nodeCrypto, text)),
    stateFile: state,
    clock: { nowMs: () => Date.now() },
  })
  const app = fastify({ bodyLimit: 1_000_000 })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body))
  app.post('/add-checkpoint', async (request, reply) => {
    const { status, body, type = 'text/plain; charset=utf-8' } = witness.addCheckpoint(String(request.body ?? ''))
    return reply.status(status).type(type).send(body)
  })
  app.get('/latest', async (request, reply) => {
    const { origin } = request.query as { origin?: string }
    const note = witness.latest(String(origin ?? ''))
    return reply
      .status(note === null ? 404 : 200)
      .type('text/plain; charset=utf-8')
      .header('cache-control', 'no-cache')
      .send(note ?? 'not found\n')
  })
  app.addHook('onClose', async () => {
    for (const release of unlock) release()
  })
  await serveUntilStopped(app, { host: '127.0.0.1', port: number }, { vkey: witness.vkey })
}
