import { setTimeout as sleep } from 'node:timers/promises'
import { fromUtf8 } from '#verifier/evidence/bytes.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import { parseCheckpoint } from '#verifier/log/checkpoint.ts'
import { parseNote } from '#verifier/log/signedNote.ts'
import { TILE_WIDTH, tilePath, tilesOf } from '#verifier/log/tiles.ts'
import type { LogFiles } from '#verifier/log/verifyTree.ts'
import { wholePayloads } from './settledFiles.ts'

/** The most that a resource of a log may have: an entry bundle of 256 full entries, a blob pack. */
const MAX_BYTES = 256 * 1024 * 1024
/** How often one resource is asked for while its server says to wait. */
const MOST_ATTEMPTS = 10
/** Entries of a log that are read over HTTP at most: their tiles' names are held. */
const MOST_ENTRIES = 2 ** 30

/**
 * A log that is served over HTTP (C2SP tlog-tiles). What it should hold follows from its checkpoint, which is read once;
 * a server that lists its blob packs under `blobs/` has them read, too.
 */
export function openRemoteFiles(url: string): LogFiles {
  const base = url.replace(/\/+$/, '')
  let checkpoint: Promise<Uint8Array | null> | null = null

  /** Asks, and asks again when it is told to wait. @throws UNREACHABLE */
  async function ask(path: string): Promise<Response> {
    for (let attempt = 1; ; attempt++) {
      let response: Response
      try {
        response = await fetch(`${base}/${path}`, { signal: AbortSignal.timeout(60_000), redirect: 'error' })
      } catch (cause) {
        throw new WarrantError('UNREACHABLE', `${base}/${path}: ${reasonOf(cause)}`, { cause, retry: 'safe' })
      }
      if (response.status !== 429 || attempt === MOST_ATTEMPTS) return response
      await response.body?.cancel()
      const seconds = Number(response.headers.get('retry-after') ?? 1)
      await sleep(1_000 * Math.min(30, seconds > 0 ? seconds : 1))
    }
  }

  async function get(path: string): Promise<Uint8Array | null> {
    const response = await ask(path)
    if (response.status === 404) return null
    if (!response.ok) throw new WarrantError('UNREACHABLE', `${base}/${path} answered ${response.status}`)
    if (Number(response.headers.get('content-length') ?? 0) > MAX_BYTES)
      throw new WarrantError('EVIDENCE_MALFORMED', `${base}/${path} is larger than any resource of a log`)
    return new Uint8Array(await response.arrayBuffer())
  }
  let newestPack = ''
  async function read(path: string): Promise<Uint8Array | null> {
    if (path === 'checkpoint') {
      checkpoint ??= get(path)
      return checkpoint
    }
    const bytes = await get(path)
    // A log that is served goes on: what is just being written is named by nothing that is published.
    return bytes !== null && path === newestPack ? wholePayloads(bytes) : bytes
  }
  return {
    read,
    async list() {
      const note = await read('checkpoint')
      if (note === null)
        throw new WarrantError('FILE_MISSING', `${base} serves no checkpoint: give the prefix of a log`)
      const { size } = parseCheckpoint(parseNote(fromUtf8(note)).text)
      // A server lists no tiles: what it claims is believed as far as its last bundle is there.
      const last = Math.max(0, Math.ceil(size / TILE_WIDTH) - 1)
      if (
        size > MOST_ENTRIES ||
        (size > 0 && (await get(tilePath('entries', last, size - last * TILE_WIDTH))) === null)
      )
        return ['checkpoint']
      const packs = fromUtf8((await get('blobs/')) ?? new Uint8Array(0))
        .split('\n')
        .filter(name => /^pack-\d{6}$/.test(name))
        .sort()
      newestPack = `blobs/${packs.at(-1)}`
      const notes = []
      for (const name of ['vkey', 'retired']) if ((await get(name)) !== null) notes.push(name)
      return [
        'checkpoint',
        ...notes,
        ...[...tilesOf(size)].map(tile => tile.path),
        ...packs.map(name => `blobs/${name}`),
      ]
    },
  }
}
