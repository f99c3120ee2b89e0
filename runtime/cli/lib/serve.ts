import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import { complain, printJsonLine } from './output.ts'

/** How long connections have to end by themselves, and the process after that. */
const CONNECTIONS_MS = 2_000
const END_MS = 30_000

function end(reason: string): never {
  complain(`ended without closing in good order: ${reason}`)
  process.exit(2)
}

/** Listens, prints one JSON line with the address on stdout, and ends on SIGTERM, SIGINT or with the parent process. @throws PORT_IN_USE */
export async function serveUntilStopped(
  app: FastifyInstance,
  { host, port }: { host: string; port: number },
  ready: Record<string, string>,
): Promise<void> {
  const url = await listen(app, { host, port })
  printJsonLine({ url, ...ready })
  const stop = () => {
    // Whoever trickles a request, or keeps a connection, does not keep a process from ending.
    setTimeout(() => app.server.closeAllConnections(), CONNECTIONS_MS).unref()
    setTimeout(() => end(`did not end within ${END_MS / 1_000} s`), END_MS).unref()
    app.close().then(
      () => process.exit(0),
      error => end(reasonOf(error)),
    )
  }
  for (const event of ['SIGTERM', 'SIGINT', 'disconnect'] as const) process.on(event, stop)
}

/** Listens and gives the URL. @throws PORT_IN_USE */
export async function listen(app: FastifyInstance, { host, port }: { host: string; port: number }): Promise<string> {
  try {
    await app.listen({ host, port })
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause
    throw new WarrantError('PORT_IN_USE', `${host}:${port} is in use: choose another port, or 0 for any`, { cause })
  }
  const bound = app.server.address() as AddressInfo
  return `http://${bound.address}:${bound.port}`
}
