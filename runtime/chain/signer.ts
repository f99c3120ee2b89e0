import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { LocalAccount } from 'viem'
import { generatePrivateKey, type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'
import { newSecp256k1Key } from '#runtime/crypto/newSecp256k1Key.ts'
import { writeKeyFile } from '#runtime/crypto/writeKeyFile.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { parseSecp256k1Key, refuseKeyAsName } from '#verifier/evidence/secp256k1.ts'
import { maskKeys } from '#verifier/evidence/text/redact.ts'
import { decryptKeystore } from './keystore.ts'
import { remoteSigner } from './remoteSigner.ts'

/** Whose passphrase opens keystore files. */
const PASSPHRASE = 'WARRANT_KEYSTORE_PASSPHRASE'

/** The executor's account from a key file (0x hex, mode 0600), made when missing. @throws BAD_INPUT */
export function openExecutorKey(file: string): PrivateKeyAccount {
  refuseKeyAsName(file)
  if (!existsSync(file)) writeKeyFile(file, newSecp256k1Key())
  return fromHex(file, readText(file))
}

/**
 * The account that a configuration names, wherever its key lies. No error message ever holds a part of it.
 *
 * - `env:NAME`: an environment variable with 0x and 64 hex digits
 * - `http(s)://HOST#0xADDRESS`: a remote signer over JSON-RPC (Web3Signer, Clef), see remoteSigner
 * - a path, from `base`: 0x and 64 hex digits, or an encrypted keystore (version 3) with its passphrase in
 *   WARRANT_KEYSTORE_PASSPHRASE
 *
 * @throws FILE_MISSING, BAD_INPUT, UNREACHABLE
 */
export async function openSigner(named: string, base = '.'): Promise<LocalAccount> {
  if (/^https?:\/\//.test(named)) return remoteSigner(named)
  const [, variable] = /^env:(\w+)$/.exec(named) ?? []
  refuseKeyAsName(variable ?? '')
  if (variable !== undefined) {
    const text = process.env[variable]
    if (text === undefined) throw new WarrantError('BAD_INPUT', `the environment has no ${variable}`)
    return fromHex(`$${variable}`, text)
  }
  refuseKeyAsName(named)
  const file = resolve(base, named)
  const text = readText(file)
  if (!text.startsWith('{')) return fromHex(file, text)
  const passphrase = process.env[PASSPHRASE]
  if (passphrase === undefined)
    throw new WarrantError('BAD_INPUT', `${file}: is encrypted: put its passphrase into ${PASSPHRASE}`)
  return privateKeyToAccount(parseSecp256k1Key(file, await decryptKeystore(file, text, passphrase)))
}

/** An account of this moment, for a rehearsal: its key is kept nowhere. */
export function throwawayAccount(): PrivateKeyAccount {
  return privateKeyToAccount(generatePrivateKey())
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    throw new WarrantError('FILE_MISSING', `${maskKeys(file)}: cannot read the key`)
  }
}

function fromHex(where: string, text: string): PrivateKeyAccount {
  return privateKeyToAccount(parseSecp256k1Key(where, text.trim()))
}
