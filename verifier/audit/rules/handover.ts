import { fromHex, toHex } from '#verifier/evidence/bytes.ts'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import type { RecordOf } from '#verifier/evidence/record.ts'
import { handoverBytes } from '#verifier/evidence/records/handover.ts'
import { parseVkey } from '#verifier/log/signedNote.ts'
import { type Fail, type Known, same } from './ruleContext.ts'

/** R64. `root`: of the entries before it; null where they are not all there. */
export function checkHandover(
  { body, parents, seq, signature }: RecordOf<'handover'>,
  {
    crypto,
    known,
    fail,
    index,
    root,
    where,
  }: {
    crypto: CryptoPort
    known: Known
    fail: Fail
    index: number
    root: Uint8Array | null
    where: string
  },
): void {
  const inForce = known.logKeys.at(-1)?.vkey
  if (inForce !== undefined) same(fail, 'R64', 'body.from', body.from, inForce)
  same(fail, 'R64', 'body.size', body.size, index)
  if (root !== null) same(fail, 'R64', 'body.root', body.root, toHex(root))
  if (seq !== 0 || parents.length > 0 || signature !== undefined)
    fail('R64', 'seq', 'a handover is no record of a run: its number is 0, and it has no parents')
  const bytes = handoverBytes(body)
  const [from, to] = [keyOf(crypto, body.from), keyOf(crypto, body.to)]
  if (from === null || to === null) return fail('R64', from === null ? 'body.from' : 'body.to', 'is no log key')
  if (from.name !== to.name || toHex(from.publicKey) === toHex(to.publicKey))
    fail('R64', 'body.to', 'is not another key of the same log')
  for (const [side, { publicKey }] of [
    ['from', from],
    ['to', to],
  ] as const)
    if (!crypto.verifyEd25519(publicKey, bytes, fromHex(body.signatures[side])))
      fail('R64', `body.signatures.${side}`, `is not that of ${body[side]}`)
  known.logKeys.push({ vkey: body.to, where: `${where} (handover) body.to`, rule: 'R64' })
}

function keyOf(crypto: CryptoPort, vkey: string) {
  try {
    return parseVkey(crypto, vkey)
  } catch {
    return null
  }
}
