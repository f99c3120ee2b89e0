import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'
import { WarrantError } from '#verifier/evidence/error.ts'

/** The executor's account from a key file (0x hex, mode 0600), made when missing: the one file that touches this key. @throws BAD_INPUT */
export function openExecutorKey(file: string): PrivateKeyAccount {
  if (!existsSync(file)) {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, `0x${randomBytes(32).toString('hex')}\n`, { mode: 0o600, flag: 'wx' })
  }
  return readKey(file)
}

/** The account whose key stands in a file. @throws FILE_MISSING, BAD_INPUT */
export function readKey(file: string): PrivateKeyAccount {
  let text: string
  try {
    text = readFileSync(file, 'utf8').trim()
  } catch (cause) {
    throw new WarrantError('FILE_MISSING', `${file}: cannot read the key`, { cause })
  }
  if (!/^0x[0-9a-f]{64}$/.test(text))
    throw new WarrantError('BAD_INPUT', `${file}: expected a secp256k1 key as 0x and 64 hex digits`)
  return privateKeyToAccount(text as `0x${string}`)
}
