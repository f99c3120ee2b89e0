import { openEd25519Key } from '#runtime/crypto/ed25519Key.ts'
import { createCosigner } from '#runtime/log/cosigner.ts'
import { openLogFiles } from '#runtime/log/logFiles.ts'
import { openLog } from '#runtime/log/openLog.ts'
import { openRuns } from '#runtime/log/openRuns.ts'
import { serveLog } from '#runtime/log/serveLog.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { type HttpClient, httpClient, isLoopback, requireClients } from '#verifier/service/http/clients.ts'
import { complain } from './output.ts'
import { readQuorum } from './readQuorum.ts'
import { serveUntilStopped } from './serve.ts'

export type RunLogParameters = {
  dir: string
  origin: string
  key: string
  actor: string[]
  client?: string[]
  quorum?: string
  host: string
  port: string
  publishEvery: string
}

/** Runs a log until SIGTERM. @throws BAD_INPUT, BAD_CONFIG, LOG_LOCKED, LOG_BEHIND, PORT_IN_USE */
export async function runLog({
  dir,
  origin,
  key,
  actor,
  client = [],
  quorum,
  host,
  port,
  publishEvery,
}: RunLogParameters): Promise<void> {
  const listed = client.length === 0 ? null : client.map(clientFrom)
  // Where nobody may append, nobody has a token.
  const clients = listed ?? (actor.length > 0 || isLoopback(host) ? null : [])
  requireClients(host, clients, '--client')
  const witnesses = quorum === undefined ? null : readQuorum(quorum)
  const cosigner =
    witnesses === null
      ? null
      : createCosigner(witnesses, {
          onChange: (name, reason) =>
            complain(reason === null ? `witness ${name} cosigns again` : `witness ${name} does not cosign: ${reason}`),
        })
  const log = openLog({
    dir,
    origin,
    signer: openEd25519Key(key),
    clock: { nowMs: () => Date.now() },
    cosigner,
    publishEveryMs: whole('--publish-every', publishEvery, 86_400_000),
  })
  // Before anything is signed for anyone: a witness that has seen more stops a log that was restored from a backup.
  await log.publish()
  const producers = await openRuns(log, new Map(actor.map(actorKey)))
  const app = serveLog(log, producers, openLogFiles(dir), cosigner, clients)
  app.addHook('onClose', () => log.close())
  await serveUntilStopped(app, { host, port: whole('--port', port, 65_535) }, { vkey: log.vkey })
}

function actorKey(text: string): [string, string] {
  const match = /^([a-z]+)=([0-9a-f]{64})$/.exec(text)
  if (match === null)
    throw new WarrantError('BAD_INPUT', `--actor ${text}: expected NAME=KEY, the key as 64 lower-case hex digits`)
  return [match[1] as string, match[2] as string]
}

function clientFrom(text: string): HttpClient {
  const [name = '', sha256 = ''] = text.split('=')
  const parsed = httpClient.safeParse({ name, sha256 })
  if (parsed.success) return parsed.data
  throw new WarrantError(
    'BAD_INPUT',
    '--client: expected NAME=SHA256, the SHA-256 of its token as 64 lower-case hex digits',
  )
}

function whole(name: string, text: string, most: number): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value > most)
    throw new WarrantError('BAD_INPUT', `${name} must be 0 to ${most}, got ${text}`)
  return value
}
