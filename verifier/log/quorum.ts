import { equalBytes } from '#verifier/evidence/bytes.ts'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { cosignedAt, parseWitnessVkey } from './cosignature.ts'
import type { NoteKey, SignedNote } from './signedNote.ts'

/** A witness that a quorum counts: its key, and where it answers, if anyone needs to ask it. */
export type QuorumWitness = { name: string; key: NoteKey; url: string | null }

/** Which cosignatures are enough. */
export type Quorum = {
  readonly witnesses: readonly QuorumWitness[]
  /** Whether a note's cosignatures make the quorum; who cosigned, and when (seconds since 1970). */
  check(crypto: CryptoPort, note: SignedNote): { met: boolean; cosigned: { name: string; timeSeconds: number }[] }
}

/**
 * A quorum from a policy file: lines `witness NAME VKEY [URL]`, `group NAME K|any|all MEMBER…`, one `quorum NAME|none`;
 * `#` begins a comment. Names are of witnesses or of groups defined above.
 *
 * @throws BAD_CONFIG naming the line
 */
export function parseQuorum(crypto: CryptoPort, text: string): Quorum {
  const witnesses = new Map<string, QuorumWitness>()
  const groups = new Map<string, { threshold: number; members: string[] }>()
  let quorum: string | null = null
  for (const [i, line] of text.split('\n').entries()) {
    const fail = (reason: string) => new WarrantError('BAD_CONFIG', `quorum file, line ${i + 1}: ${reason}`)
    const [word, name = '', ...rest] = line.replace(/#.*$/, '').trim().split(/\s+/)
    if (word === '') continue
    const known = (member: string) => witnesses.has(member) || groups.has(member)
    if ((word === 'witness' || word === 'group') && (name === '' || name === 'none' || known(name)))
      throw fail(`${word} needs a name of its own`)
    if (word === 'witness') {
      const [vkey = '', url, ...more] = rest
      if (more.length > 0 || (url !== undefined && !/^https?:\/\//.test(url)))
        throw fail('expected: witness NAME VKEY [URL]')
      let key: NoteKey
      try {
        key = parseWitnessVkey(crypto, vkey)
      } catch {
        throw fail(`${vkey} is not a witness key`)
      }
      // One key under two names would count twice.
      if ([...witnesses.values()].some(other => equalBytes(other.key.publicKey, key.publicKey)))
        throw fail(`the key of ${name} stands under another name already`)
      witnesses.set(name, { name, key, url: url ?? null })
    } else if (word === 'group') {
      const [k = '', ...members] = rest
      const threshold = k === 'any' ? 1 : k === 'all' ? members.length : Number(k)
      if (new Set(members).size !== members.length) throw fail('a member stands twice')
      const unknown = members.find(member => !known(member))
      if (unknown !== undefined) throw fail(`${unknown} is not defined above`)
      if (!Number.isInteger(threshold) || threshold < 1 || threshold > members.length)
        throw fail(`the threshold must be 1 to ${members.length}, any or all`)
      groups.set(name, { threshold, members })
    } else if (word === 'quorum') {
      if (quorum !== null) throw fail('a second quorum')
      if (rest.length > 0 || (name !== 'none' && !known(name))) throw fail(`${name} is not defined above`)
      quorum = name
    } else throw fail(`unknown word ${word}`)
  }
  if (quorum === null) throw new WarrantError('BAD_CONFIG', 'quorum file: no line says which quorum is asked for')
  const asked = quorum

  return {
    witnesses: [...witnesses.values()],
    check(crypto, note) {
      const cosigned = [...witnesses.values()].flatMap(({ name, key }) => {
        const timeSeconds = cosignedAt(crypto, note, key)
        return timeSeconds === null ? [] : [{ name, timeSeconds }]
      })
      const names = new Set(cosigned.map(({ name }) => name))
      const holds = (name: string): boolean => {
        const group = groups.get(name)
        return group === undefined ? names.has(name) : group.members.filter(holds).length >= group.threshold
      }
      return { met: asked === 'none' || holds(asked), cosigned }
    },
  }
}
