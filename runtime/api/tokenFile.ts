import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { WarrantError } from '#verifier/evidence/error.ts'
import { keepSecret } from '#verifier/evidence/text/redact.ts'

/** What a token looks like: so many characters that nobody guesses it, none of which a header would change. */
const TOKEN = /^[A-Za-z0-9_~.+/=-]{20,512}$/

/** Makes a token of 256 random bits for a client, mode 0600; an existing one is kept. Gives its SHA-256, which is for its server. */
export function makeTokenFile(file: string): { sha256: string } {
  if (!existsSync(file)) {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' })
  }
  return { sha256: createHash('sha256').update(readTokenFile(file)).digest('hex') }
}

/** A client's token. It is told to nobody but its server. @throws FILE_MISSING, BAD_CONFIG */
export function readTokenFile(file: string): string {
  if (!existsSync(file)) throw new WarrantError('FILE_MISSING', `${file}: no such token file: see warrant token`)
  const token = readFileSync(file, 'utf8').trim()
  if (!TOKEN.test(token))
    throw new WarrantError('BAD_CONFIG', `${file}: must hold one token of 20 to 512 letters, digits and _~.+/=-`)
  keepSecret(token)
  return token
}
