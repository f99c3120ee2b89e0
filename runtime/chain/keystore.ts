import { createDecipheriv, pbkdf2, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { keccak256 } from 'viem'
import { z } from 'zod'
import { fromHex, toHex } from '#verifier/evidence/bytes.ts'
import { WarrantError } from '#verifier/evidence/error.ts'

/** Bytes as wallets write them: with 0x or without, in either case. */
const hex = z
  .string()
  .regex(/^(0x)?([0-9a-f]{2})+$/i)
  .max(2_000)
  .transform(digits => fromHex(digits.replace(/^0x/i, '').toLowerCase()))

const scryptParams = z.object({
  dklen: z.literal(32),
  salt: hex,
  n: z
    .int()
    .min(2)
    .max(1 << 20)
    .refine(n => (n & (n - 1)) === 0, 'must be a power of two'),
  r: z.int().min(1).max(32),
  p: z.int().min(1).max(16),
})
const pbkdf2Params = z.object({
  dklen: z.literal(32),
  salt: hex,
  c: z.int().min(1).max(10_000_000),
  prf: z.literal('hmac-sha256'),
})

const keystore = z.object({
  version: z.literal(3),
  crypto: z.object({
    cipher: z.literal('aes-128-ctr'),
    cipherparams: z.object({ iv: hex.refine(iv => iv.length === 16, 'must have 16 bytes') }),
    ciphertext: hex.refine(text => text.length === 32, 'must have 32 bytes, as a key has'),
    mac: hex.refine(mac => mac.length === 32, 'must have 32 bytes'),
    kdf: z.enum(['scrypt', 'pbkdf2']),
    kdfparams: z.unknown(),
  }),
})

/** Memory that scrypt may take: n = 2^18, r = 8, as every wallet writes it, needs 256 MiB. */
const MOST_MEMORY = 1 << 30
/** n · r · p: as much time as eight times that. */
const MOST_WORK = 1 << 24

/**
 * The key of an encrypted keystore (Web3 Secret Storage, version 3), as any wallet writes it: `crypto` or, as ethers does,
 * `Crypto`. What it asks of this machine is bounded. @throws BAD_INPUT, of which no part quotes the file
 */
export async function decryptKeystore(file: string, text: string, passphrase: string): Promise<`0x${string}`> {
  const { kdf, kdfparams, ciphertext, cipherparams, mac } = read(file, keystore, parse(file, text)).crypto
  const derived =
    kdf === 'scrypt'
      ? await byScrypt(file, passphrase, read(file, scryptParams, kdfparams, 'crypto.kdfparams.'))
      : await byPbkdf2(passphrase, read(file, pbkdf2Params, kdfparams, 'crypto.kdfparams.'))
  const expected = fromHex(keccak256(Buffer.concat([derived.subarray(16, 32), ciphertext])).slice(2))
  if (!timingSafeEqual(expected, mac)) throw new WarrantError('BAD_INPUT', `${file}: the passphrase does not open it`)
  const decipher = createDecipheriv('aes-128-ctr', derived.subarray(0, 16), cipherparams.iv)
  return `0x${toHex(Buffer.concat([decipher.update(ciphertext), decipher.final()]))}`
}

/** Its fields by their names in lower case: wallets differ in that. */
function parse(file: string, text: string): unknown {
  try {
    return JSON.parse(text, (_key, value) =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).map(([name, item]) => [name.toLowerCase(), item]))
        : value,
    )
  } catch {
    // What the parser says quotes the file.
    throw new WarrantError('BAD_INPUT', `${file}: is no JSON`)
  }
}

function read<T>(file: string, schema: z.ZodType<T>, value: unknown, under = ''): T {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const field = `${under}${issue?.path.join('.') ?? ''}`.replace(/\.$/, '') || '(root)'
  throw new WarrantError('BAD_INPUT', `${file}: ${field}: ${issue?.message}`)
}

async function byScrypt(file: string, passphrase: string, { n: N, r, p, salt, dklen }: z.infer<typeof scryptParams>) {
  if (128 * N * r > MOST_MEMORY || N * r * p > MOST_WORK)
    throw new WarrantError('BAD_INPUT', `${file}: crypto.kdfparams: asks for more memory or time than any wallet does`)
  const options = { N, r, p, maxmem: 2 * MOST_MEMORY }
  try {
    return await promisify<string, Uint8Array, number, object, Buffer>(scrypt)(passphrase, salt, dklen, options)
  } catch {
    // What it asks for is beyond RFC 7914 (N below 2^(16 r)), which OpenSSL keeps to.
    throw new WarrantError('BAD_INPUT', `${file}: crypto.kdfparams: n is too large for r: scrypt is not defined there`)
  }
}

const byPbkdf2 = (passphrase: string, { salt, c, dklen }: z.infer<typeof pbkdf2Params>) =>
  promisify(pbkdf2)(passphrase, salt, c, dklen, 'sha256')
