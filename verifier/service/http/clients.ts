import { createHash, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { WarrantError } from '#verifier/evidence/error.ts'
import { label } from '#verifier/evidence/primitives.ts'

/** Somebody who may ask: a name, and the SHA-256 of the token that it sends. The token itself is nowhere kept. */
export const httpClient = z.strictObject({
  name: label,
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hex digits: the SHA-256 of the token'),
})
export type HttpClient = z.infer<typeof httpClient>

/** Clients of a server's configuration, each name and each token once. */
export const httpClients = z
  .array(httpClient)
  .min(1)
  .refine(all => new Set(all.map(({ name }) => name)).size === all.length, 'a name is listed twice')
  .refine(all => new Set(all.map(({ sha256 }) => sha256)).size === all.length, 'two clients have one token')

const LOOPBACK = /^(127(\.\d{1,3}){3}|::1|localhost|::ffff:127(\.\d{1,3}){3})$/

/** Whether only processes of this machine reach an address. */
export const isLoopback = (host: string) => LOOPBACK.test(host)

/** Refuses to listen beyond loopback for whoever comes. `field`: what to set. @throws BAD_CONFIG */
export function requireClients(host: string, clients: readonly HttpClient[] | null, field: string): void {
  if (clients !== null || isLoopback(host)) return
  throw new WarrantError(
    'BAD_CONFIG',
    `${field}: beyond loopback (${host}) every client needs a token: list { name, sha256 } of each, see warrant token`,
  )
}

/** The client whose token an `Authorization` header bears, or null. Takes the same time for every token. */
export function clientOf<C extends { sha256: string }>(
  clients: readonly C[],
  authorization: string | undefined,
): C | null {
  const token = /^Bearer ([^\s]{1,512})$/i.exec(authorization ?? '')?.[1]
  if (token === undefined) return null
  const given = createHash('sha256').update(token).digest()
  let found: C | null = null
  for (const client of clients) if (timingSafeEqual(given, Buffer.from(client.sha256, 'hex'))) found = client
  return found
}
