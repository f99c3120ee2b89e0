import { createDecipheriv, pbkdf2, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { keccak256 } from 'viem'
import { z } from 'zod'
import { fromHex, toHex } from '#verifier/evidence/bytes.ts'
import { WarrantError } from '#verifier/evidence/error.ts'

const hex = z.string().regex(/^([0-9a-f]{2})+$/i)
const keystore = z.object({
  version: z.literal(3),
  crypto: z.object({
    cipher: z.literal('aes-128-ctr'),
    cipherparams: z.object({ iv: hex }),
    ciphertext: hex,
    mac: hex,
    kdf: z.enum(['scrypt', 'pbkdf2']),
    kdfparams: z.union([
      z.object({
        dklen: z.literal(32),
        salt: hex,
        n: z.int().positive(),
        r: z.int().positive(),
        p: z.int().positive(),
      }),
      z.object({ dklen: z.literal(32), salt: hex, c: z.int().positive(), prf: z.literal('hmac-sha256') }),
    ]),
  }),
})

/** Memory that scrypt may take: n = 2^18, r = 8, as every wallet writes it, needs 256 MiB. */
const MOST_MEMORY = 1 << 30

/** The key of an encrypted keystore (Web3 Secret Storage, version 3). @throws BAD_INPUT */
export async function decryptKeystore(file: string, text: string, passphrase: string): Promise<`0x${string}`> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new WarrantError('BAD_INPUT', `${file}: is no JSON`, { cause })
  }
  const parsed = keystore.safeParse(value)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw new WarrantError('BAD_INPUT', `${file}: ${issue?.path.join('.') || '(root)'}: ${issue?.message}`)
  }
  const { kdfparams, ciphertext, cipherparams, mac } = parsed.data.crypto
  const bytes = (digits: string) => fromHex(digits.toLowerCase())
  const salt = bytes(kdfparams.salt)
  const derived =
    'n' in kdfparams
      ? await promisify<string, Uint8Array, number, object, Buffer>(scrypt)(passphrase, salt, kdfparams.dklen, {
          ...{ N: kdfparams.n, r: kdfparams.r, p: kdfparams.p },
          maxmem: MOST_MEMORY,
        })
      : await promisify(pbkdf2)(passphrase, salt, kdfparams.c, kdfparams.dklen, 'sha256')
  const sealed = bytes(ciphertext)
  const expected = fromHex(keccak256(Buffer.concat([derived.subarray(16, 32), sealed])).slice(2))
  if (mac.length !== 64 || !timingSafeEqual(expected, bytes(mac)))
    throw new WarrantError('BAD_INPUT', `${file}: the passphrase does not open it`)
  const decipher = createDecipheriv('aes-128-ctr', derived.subarray(0, 16), bytes(cipherparams.iv))
  const key = Buffer.concat([decipher.update(sealed), decipher.final()])
  if (key.length !== 32) throw new WarrantError('BAD_INPUT', `${file}: holds ${key.length} bytes, a key has 32`)
  return `0x${toHex(key)}`
}
