import { readFileSync } from 'node:fs'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { parseQuorum } from '#verifier/log/quorum.ts'

/**
 * A quorum file in which a witness's name stands for either of two keys: a group of any, which counts once wherever the
 * name was used. It has no dates: the old line goes when the old key does.
 *
 * @throws BAD_INPUT when it does not list the old key, BAD_CONFIG
 */
export function rotateInQuorum(file: string, { before, after }: { before: string; after: string }): string {
  const lines = readFileSync(file, 'utf8').split('\n')
  const at = lines.findIndex(line => line.trim().split(/\s+/)[0] === 'witness' && line.includes(before))
  const [, name = '', , url = ''] = (lines[at] ?? '').trim().split(/\s+/)
  if (at < 0) throw new WarrantError('BAD_INPUT', `${file}: no witness has the key ${before}: it cannot be replaced`)
  const [old, fresh] = [`${name}-before`, `${name}-after`]
  lines.splice(
    at,
    1,
    `witness ${old} ${before} ${url}`.trim(),
    `witness ${fresh} ${after} ${url}`.trim(),
    `group ${name} any ${old} ${fresh}`,
  )
  const text = lines.join('\n')
  parseQuorum(nodeCrypto, text)
  return text
}
