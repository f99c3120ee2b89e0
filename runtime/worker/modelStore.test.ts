import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { STRATEGIES } from '#runtime/run/openRun.ts'
import { digestBytes } from '#verifier/evidence/digest.ts'
import type { ModelIdentity } from '#verifier/evidence/records/run.ts'
import { openModelStore } from './modelStore.ts'

const root = mkdtempSync(join(tmpdir(), 'warrant-store-'))
const model = readFileSync(join(STRATEGIES, 'trend-follower', 'model.onnx'))
const digest = digestBytes('model', model, nodeCrypto)
const identity = { name: 'trend', digest, file: { sha256: '', size: model.length } } as unknown as ModelIdentity
let served: (Buffer | null)[] = []
let requests: (string | undefined)[] = []
let server: Server
let url = ''
beforeAll(async () => {
  server = createServer((request, response) => {
    requests.push(`${request.url} ${request.headers.authorization}`)
    const bytes = served.shift() ?? null
    if (bytes === null) response.statusCode = 404
    response.end(bytes)
  })
  await new Promise<void>(done => server.listen(0, '127.0.0.1', () => done()))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.close()
  rmSync(root, { recursive: true })
})

test('a file that is not here is fetched by its digest, once, and is here after that', async () => {
  requests = []
  served = [model]
  const dir = join(root, 'good')
  const store = openModelStore(dir, { url, apiKey: 'secret' })
  expect(Buffer.from(await store.file(identity)).equals(model)).toBe(true)
  expect(Buffer.from(await store.file(identity)).equals(model)).toBe(true)
  expect(requests).toEqual([`/v1/models/${digest}/file Bearer secret`])
  // The next start has it, and needs no gateway.
  expect(openModelStore(dir, null).digests).toEqual([digest])
})

test('what does not have the digest is refused, and nothing of it is kept', async () => {
  const flipped = Buffer.from(model)
  flipped[flipped.length >> 1] = (flipped[flipped.length >> 1] as number) ^ 1
  const dir = join(root, 'bad')
  const store = openModelStore(dir, { url, apiKey: 'secret' })
  served = [flipped, model.subarray(1), Buffer.concat([model, model]), null]
  await expect(store.file(identity)).rejects.toThrow('it does not have its digest')
  await expect(store.file(identity)).rejects.toThrow('it does not have its digest')
  await expect(store.file(identity)).rejects.toThrow(`more than the ${model.length} bytes`)
  await expect(store.file(identity)).rejects.toThrow('status 404')
  expect(readdirSync(dir)).toEqual([])
})

test('without a gateway there must be files, and an unknown digest is named', async () => {
  expect(() => openModelStore(join(root, 'none'), null)).toThrow('no such directory')
  const store = openModelStore(join(STRATEGIES, 'trend-follower'), null)
  const other = { ...identity, digest: 'ab'.repeat(32) }
  await expect(store.file(other)).rejects.toThrow('there is no model abababababababab… here')
})
