import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Hex, type LocalAccount, parseTransaction, recoverTransactionAddress, recoverTypedDataAddress } from 'viem'
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
          ? await signsAs.signTypedData(JSON.parse(params[1]))
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
  })
})
