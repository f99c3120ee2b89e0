import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encryptKeystoreJsonSync, TypedDataEncoder } from 'ethers'
import {
  type Hex,
  type LocalAccount,
  parseTransaction,
  recoverAddress,
  recoverTransactionAddress,
  recoverTypedDataAddress,
} from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openSigner } from './signer.ts'

const dir = mkdtempSync(join(tmpdir(), 'warrant-signer-'))
const SECRET = '7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d'
const account = privateKeyToAccount(`0x${SECRET}`)
/** The published test vector of Web3 Secret Storage, PBKDF2-SHA-256. */
const VECTOR = {
  crypto: {
    cipher: 'aes-128-ctr',
    cipherparams: { iv: '6087dab2f9fdbbfaddc31a909735c1e6' },
    ciphertext: '5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46',
    kdf: 'pbkdf2',
    kdfparams: {
      c: 262_144,
      dklen: 32,
      prf: 'hmac-sha256',
      salt: 'ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd',
    },
    mac: '517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2',
  },
  id: '3198bc9c-6672-5ab3-d995-4942343ae5b6',
  version: 3,
}
const file = (name: string, content: unknown) => {
  writeFileSync(join(dir, name), typeof content === 'string' ? content : JSON.stringify(content))
  return name
}
const REQUEST = {
  type: 'eip1559' as const,
  chainId: 1,
  nonce: 7,
  to: `0x${'22'.repeat(20)}` as Hex,
  data: '0x1234' as Hex,
  gas: 100_000n,
  maxFeePerGas: 9n,
  maxPriorityFeePerGas: 1n,
}

/** What the remote signer makes of a request before it signs. */
let twist: (transaction: typeof REQUEST) => typeof REQUEST & { value?: bigint }
let signsAs: LocalAccount = account
/** What it makes of a signature before it answers. */
let bend: (signature: Hex) => string = signature => signature
let signsMessages = false
let lastTyped = ''
function answered(signature: Hex, typed: string): string {
  lastTyped = typed
  return bend(signature)
}
let url = ''
const server = createServer((request, response) => {
  let body = ''
  request.on('data', chunk => {
    body += chunk
  })
  request.on('end', async () => {
    const { method, params } = JSON.parse(body)
    const result =
      method === 'eth_signTransaction'
        ? { raw: await signsAs.signTransaction(twist(REQUEST)) }
        : method === 'eth_signTypedData_v4'
          ? answered(await signsAs.signTypedData(JSON.parse(params[1])), params[1])
          : method === 'eth_sign' && signsMessages
            ? answered(await signsAs.signMessage({ message: { raw: params[1] } }), '')
            : undefined
    response.end(JSON.stringify({ jsonrpc: '2.0', id: 1, result, error: result ? undefined : { message: 'locked' } }))
  })
})
beforeAll(async () => {
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/#${account.address}`
})
afterAll(() => {
  server.close()
  rmSync(dir, { recursive: true })
  delete process.env.WARRANT_KEYSTORE_PASSPHRASE
  delete process.env.WARRANT_TEST_KEY
})

describe('where a key may lie', () => {
  test('a file, the environment', async () => {
    expect((await openSigner(file('plain', `0x${SECRET}\n`), dir)).address).toBe(account.address)
    process.env.WARRANT_TEST_KEY = `0x${SECRET}`
    expect((await openSigner('env:WARRANT_TEST_KEY', dir)).address).toBe(account.address)
  })

  test('an encrypted keystore, as published; a wrong passphrase and a changed byte are refused', async () => {
    const name = file('keystore.json', VECTOR)
    await expect(openSigner(name, dir)).rejects.toThrow(/is encrypted: put its passphrase into WARRANT_KEYSTORE/)
    process.env.WARRANT_KEYSTORE_PASSPHRASE = 'wrong'
    await expect(openSigner(name, dir)).rejects.toThrow(/the passphrase does not open it/)
    process.env.WARRANT_KEYSTORE_PASSPHRASE = 'testpassword'
    expect((await openSigner(name, dir)).address).toBe(account.address)
    const changed = { ...VECTOR.crypto, ciphertext: `63${VECTOR.crypto.ciphertext.slice(2)}` }
    await expect(openSigner(file('changed', { ...VECTOR, crypto: changed }), dir)).rejects.toThrow(/does not open it/)
    await expect(openSigner(file('v1', { ...VECTOR, version: 1 }), dir)).rejects.toThrow(/version/)
  })

  test('a keystore as ethers writes it (Crypto), with 0x, in upper case', async () => {
    process.env.WARRANT_KEYSTORE_PASSPHRASE = 'testpassword'
    const written = JSON.parse(
      encryptKeystoreJsonSync({ address: account.address, privateKey: `0x${SECRET}` }, 'testpassword', {
        scrypt: { N: 1_024 },
      }),
    )
    expect(written.crypto).toBeUndefined()
    expect((await openSigner(file('ethers.json', written), dir)).address).toBe(account.address)
    const { crypto } = VECTOR
    const other = {
      ...VECTOR,
      crypto: {
        ...{ ...crypto, ciphertext: `0x${crypto.ciphertext.toUpperCase()}`, mac: crypto.mac.toUpperCase() },
        kdfparams: { ...crypto.kdfparams, salt: `0X${crypto.kdfparams.salt}` },
      },
    }
    expect((await openSigner(file('upper.json', other), dir)).address).toBe(account.address)
    expect((await openSigner(file('upper', `0x${SECRET.toUpperCase()}`), dir)).address).toBe(account.address)
  })

  test.each([
    ['scrypt', { n: 1 << 21, r: 8, p: 1 }, /kdfparams.n: Too big/],
    ['scrypt', { n: 1 << 20, r: 32, p: 1 }, /asks for more memory or time/],
    ['scrypt', { n: 1 << 18, r: 8, p: 16 }, /asks for more memory or time/],
    ['scrypt', { n: 1_000, r: 8, p: 1 }, /must be a power of two/],
    ['scrypt', { c: 1, prf: 'hmac-sha256' }, /kdfparams.n: Invalid input/],
    ['pbkdf2', { c: 100_000_000, prf: 'hmac-sha256' }, /kdfparams.c: Too big/],
    ['pbkdf2', { c: 1, prf: 'hmac-md5' }, /kdfparams.prf/],
  ])('what a keystore asks of this machine is bounded: %s %j', async (kdf, asked, reason) => {
    process.env.WARRANT_KEYSTORE_PASSPHRASE = 'testpassword'
    const kdfparams = { dklen: 32, salt: VECTOR.crypto.kdfparams.salt, ...asked }
    const bent = { ...VECTOR, crypto: { ...VECTOR.crypto, kdf, kdfparams } }
    await expect(openSigner(file('asks.json', bent), dir)).rejects.toThrow(reason)
  })

  test('what is no key: refused, and no error tells of it', async () => {
    process.env.WARRANT_TEST_KEY = SECRET
    for (const named of [file('short', SECRET), 'env:WARRANT_TEST_KEY', 'env:WARRANT_NONE', 'nowhere', 'http://x/y']) {
      const told = await openSigner(named, dir).then(
        () => 'opened',
        error => String(error),
      )
      expect(told).not.toBe('opened')
      expect(told).not.toContain(SECRET.slice(0, 8))
    }
  })
})

/** The hash that another library makes of what it is sent. */
function ethersHash({
  domain,
  types,
  message,
}: {
  domain: object
  types: Record<string, never>
  message: object
}): Hex {
  const { EIP712Domain: _, ...others } = types
  return TypedDataEncoder.hash(domain, others, message) as Hex
}

function highS(signature: Hex): string {
  const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
  const s = (order - BigInt(`0x${signature.slice(66, 130)}`)).toString(16).padStart(64, '0')
  return `${signature.slice(0, 66)}${s}${signature.endsWith('1b') ? '1c' : '1b'}`
}

describe('a remote signer', () => {
  test('signs transactions and typed data with a key that is not here', async () => {
    twist = transaction => transaction
    const remote = await openSigner(url)
    const raw = await remote.signTransaction(REQUEST)
    expect(await recoverTransactionAddress({ serializedTransaction: raw as `0x02${string}` })).toBe(account.address)
    expect(parseTransaction(raw)).toMatchObject({ nonce: 7, data: '0x1234' })
    const typed = {
      domain: { name: 'Warrant', version: '1', chainId: 1 },
      types: { Approval: [{ name: 'digest', type: 'bytes32' }] },
      primaryType: 'Approval' as const,
      message: { digest: `0x${'ab'.repeat(32)}` as Hex },
    }
    const signature = await remote.signTypedData(typed)
    expect(await recoverTypedDataAddress({ ...typed, signature })).toBe(account.address)
    await expect(remote.signMessage({ message: 'x' })).rejects.toThrow(/refused eth_sign: locked/)
    // A wallet hashes the types that it is sent, the domain's too.
    expect(JSON.parse(lastTyped).types.EIP712Domain).toEqual([
      { name: 'name', type: 'string' },
      { name: 'version', type: 'string' },
      { name: 'chainId', type: 'uint256' },
    ])
    const byWallet = ethersHash(JSON.parse(lastTyped))
    expect(await recoverAddress({ hash: byWallet, signature })).toBe(account.address)
  })

  const typed = {
    ...{ domain: { name: 'Warrant', chainId: 1 }, types: { A: [{ name: 'x', type: 'uint256' }] } },
    ...{ primaryType: 'A' as const, message: { x: 1n } },
  }
  const lowV: typeof bend = signature => `${signature.slice(0, 130)}0${Number.parseInt(signature.slice(130), 16) - 27}`

  test('v of 0 or 1 becomes what the module takes', async () => {
    const remote = await openSigner(url)
    const plain = await remote.signTypedData(typed)
    bend = lowV
    signsMessages = true
    expect(await remote.signTypedData(typed)).toBe(plain)
    expect((await remote.signMessage({ message: 'x' })).slice(130)).toMatch(/^1[bc]$/)
    ;[bend, signsMessages] = [signature => signature, false]
  })

  test.each<[string, typeof bend, RegExp]>([
    ['0x1234', () => '0x1234', /it has 2 bytes, a signature 65/],
    ['upper s', highS, /s is in the upper half/],
    ['v of 35', signature => `${signature.slice(0, 130)}23`, /v is 35, it must be 27 or 28/],
    ['zeros', () => `0x${'00'.repeat(64)}1b`, /r or s is out of range/],
    ['no hexadecimal', () => 'yes', /refused eth_signTypedData_v4/],
    ['another v', signature => `${signature.slice(0, 130)}${signature.endsWith('1b') ? '1c' : '1b'}`, /signed as 0x/],
  ])('that answers typed data with %s is refused', async (_what, change, reason) => {
    bend = change
    await expect((await openSigner(url)).signTypedData(typed)).rejects.toThrow(reason)
    bend = signature => signature
  })

  test.each<[string, typeof twist]>([
    ['to', transaction => ({ ...transaction, to: `0x${'33'.repeat(20)}` })],
    ['data', transaction => ({ ...transaction, data: '0x1235' })],
    ['nonce', transaction => ({ ...transaction, nonce: 8 })],
    ['value', transaction => ({ ...transaction, value: 1n })],
    ['chainId', transaction => ({ ...transaction, chainId: 2 })],
  ])('that changes %s of a transaction is refused', async (field, change) => {
    twist = change
    await expect((await openSigner(url)).signTransaction(REQUEST)).rejects.toThrow(new RegExp(`changed the .*${field}`))
  })

  test('that signs as somebody else is refused', async () => {
    twist = transaction => transaction
    signsAs = privateKeyToAccount(`0x${'44'.repeat(32)}`)
    await expect((await openSigner(url)).signTransaction(REQUEST)).rejects.toThrow(/signed as 0x/)
    const typed = { domain: {}, types: { A: [{ name: 'x', type: 'uint256' }] }, primaryType: 'A' as const }
    await expect((await openSigner(url)).signTypedData({ ...typed, message: { x: 1n } })).rejects.toThrow(
      /signed as 0x/,
    )
  })
})
