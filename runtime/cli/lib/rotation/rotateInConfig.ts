import { readFileSync } from 'node:fs'
import { isMap, isSeq, parseDocument } from 'yaml'
import { WarrantError } from '#verifier/evidence/error.ts'

/** Where a configuration of a gateway, or of a run, lists its workers. */
const LISTS = [['workers'], ['inference', 'workers']] as const

/**
 * A configuration in which a worker has another beside it, of the same operator, under the new key and an id of its own:
 * receipts of both count, and what is in flight with the old one is not lost.
 *
 * @throws BAD_INPUT when it does not list the old key
 */
export function rotateInConfig(
  file: string,
  { before, after }: { before: string; after: string },
): { text: string; id: string } {
  const document = parseDocument(readFileSync(file, 'utf8'))
  for (const path of LISTS) {
    const list = document.getIn(path, true)
    if (!isSeq(list)) continue
    const at = list.items.findIndex(item => isMap(item) && item.get('publicKey') === before)
    if (at < 0) continue
    const old = (list.items[at] as { toJSON(): { id: string } }).toJSON()
    const id = `${old.id.replace(/-[0-9a-f]{8}$/, '')}-${after.slice(0, 8)}`
    list.items.splice(at + 1, 0, document.createNode({ ...old, id, publicKey: after }))
    return { text: String(document), id }
  }
  throw new WarrantError('BAD_INPUT', `${file}: no worker has the key ${before}: it cannot be replaced`)
}
