import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { makeDirectory, writeDurably } from '#runtime/log/disk.ts'
import { digestBytes } from '#verifier/evidence/digest.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { ModelIdentity } from '#verifier/evidence/records/run.ts'
import { keepSecret } from '#verifier/evidence/text/redact.ts'

/** Where files that are missing here can be had: a gateway, and the API key for it. */
export type ModelOrigin = { url: string; apiKey: string }

/** Model files by digest: those of a directory, and those that a gateway hands out. */
export type ModelStore = {
  readonly digests: readonly string[]
  /** The file, fetched and kept when it is not here. @throws WORKER_FAILED when nobody has it, or it is not what its digest says */
  file(identity: ModelIdentity): Promise<Uint8Array>
}

/** Opens a directory of `.onnx` files. @throws FILE_MISSING when there is none, and nowhere to fetch them from */
export function openModelStore(dir: string, origin: ModelOrigin | null): ModelStore {
  if (origin !== null) {
    keepSecret(origin.apiKey)
    makeDirectory(dir)
  }
  if (!existsSync(dir) || !statSync(dir).isDirectory())
    throw new WarrantError('FILE_MISSING', `${dir}: no such directory of models`)
  const paths = new Map<string, string>()
  for (const name of readdirSync(dir).filter(file => file.endsWith('.onnx'))) {
    const path = join(dir, name)
    paths.set(digestBytes('model', readFileSync(path), nodeCrypto), path)
  }
  if (paths.size === 0 && origin === null) throw new WarrantError('FILE_MISSING', `${dir}: holds no .onnx file`)

  return {
    get digests() {
      return [...paths.keys()]
    },
    async file(identity) {
      const { digest } = identity
      const known = paths.get(digest)
      if (known !== undefined) return readFileSync(known)
      if (origin === null) throw new WarrantError('WORKER_FAILED', `there is no model ${digest.slice(0, 16)}… here`)
      const bytes = await fetchModel(origin, identity)
      const path = join(dir, `${digest}.onnx`)
      writeDurably(path, bytes)
      paths.set(digest, path)
      return bytes
    },
  }
}

/** How long the file of a model may take to come. */
const FETCH_MS = 600_000

async function fetchModel({ url, apiKey }: ModelOrigin, { digest, name, file }: ModelIdentity): Promise<Uint8Array> {
  const wrong = (reason: string) =>
    new WarrantError('WORKER_FAILED', `model ${name} (${digest.slice(0, 16)}…) from ${url}: ${reason}`)
  if (file === null) throw wrong('it has no file')
  const address = `${url.replace(/\/$/, '')}/v1/models/${digest}/file`
  const response = await fetch(address, {
    headers: { authorization: `Bearer ${apiKey}` },
    signal: AbortSignal.timeout(FETCH_MS),
  }).catch(cause => {
    throw wrong(reasonOf(cause))
  })
  if (!response.ok || response.body === null) throw wrong(`status ${response.status}`)
  // No more is taken than the run says the file has.
  const bytes = new Uint8Array(file.size)
  let at = 0
  for await (const chunk of response.body) {
    if (at + chunk.length > file.size) throw wrong(`more than the ${file.size} bytes that it should have`)
    bytes.set(chunk, at)
    at += chunk.length
  }
  if (at !== file.size || digestBytes('model', bytes, nodeCrypto) !== digest) throw wrong('it does not have its digest')
  return bytes
}
