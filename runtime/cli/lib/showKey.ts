import { existsSync, readFileSync, statSync } from 'node:fs'
import { openSigner } from '#runtime/chain/signer.ts'
import { ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { ed25519Witness, mlDsaWitness } from '#runtime/log/witnessKeys.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { refuseKeyAsName } from '#verifier/evidence/secp256k1.ts'
import { maskKeys } from '#verifier/evidence/text/redact.ts'
import { formatVkey, noteKey } from '#verifier/log/signedNote.ts'
import { complain } from './output.ts'

/** What of a key is everybody's to know. */
export type ShownKey = { type: 'secp256k1'; address: string } | ({ type: 'Ed25519' } & PublicPart)

/** Of a seed: its Ed25519 key, and, under a name, the verification keys of a log and of a witness that have it. */
export type PublicPart = {
  publicKey: string
  logVkey: string | null
  witnessVkey: string | null
  mlDsaWitnessVkey: string | null
}

/** The public part of a key, wherever it lies. @throws FILE_MISSING, BAD_INPUT, UNREACHABLE, never with a digit of it */
export async function showKey(named: string, { name }: { name?: string } = {}): Promise<ShownKey> {
  const bySigner = async (): Promise<ShownKey> => {
    if (name !== undefined) throw new WarrantError('BAD_INPUT', '--name: the key of an account has none')
    return { type: 'secp256k1', address: (await openSigner(named)).address.toLowerCase() }
  }
  if (/^(https?:\/\/|env:)/.test(named)) return bySigner()
  refuseKeyAsName(named)
  if (!existsSync(named) || !statSync(named).isFile())
    throw new WarrantError('FILE_MISSING', `${maskKeys(named)}: no such key file`)
  const { mode } = statSync(named)
  if ((mode & 0o077) !== 0)
    complain(`${named}: others can read it (mode ${(mode & 0o777).toString(8)}): chmod 600 ${named}`)
  const text = readFileSync(named, 'utf8').trim()
  if (text.startsWith('0x') || text.startsWith('{')) return bySigner()
  if (!/^[0-9a-f]{64}$/.test(text))
    throw new WarrantError(
      'BAD_INPUT',
      `${named}: holds no key: a seed is 64 hex digits, an account's key 0x and 64, a keystore JSON`,
    )
  return { type: 'Ed25519', ...publicPartOf(text, name) }
}

/** The public part of a seed of 64 hex digits. @throws BAD_INPUT when the name is none */
export function publicPartOf(seed: string, name: string | undefined): PublicPart {
  const bytes = Buffer.from(seed, 'hex')
  const signer = ed25519Signer(bytes)
  const { publicKeyHex: publicKey, publicKey: raw } = signer
  if (name === undefined) return { publicKey, logVkey: null, witnessVkey: null, mlDsaWitnessVkey: null }
  return {
    publicKey,
    logVkey: formatVkey(noteKey(nodeCrypto, name, raw)),
    witnessVkey: formatVkey(ed25519Witness(name, signer).key),
    mlDsaWitnessVkey: formatVkey(mlDsaWitness(name, bytes).key),
  }
}
