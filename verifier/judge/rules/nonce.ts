import { breaks, holds, type Rule } from '../rule.ts'

const short = (digest: string) => `${digest.slice(0, 16)}…`

/** Nothing is signed twice: a nonce belongs to the log's first proposal with it, and a verifier keeps its promises. */
export const nonce: Rule = {
  id: 'nonce',
  check: 'policy',
  judge({ subject: { proposal, firstWithNonce, digest }, facts }) {
    const { nonceSignedFor, maybeSigned } = facts.raw.journal
    const { nonce: own } = proposal.body
    if (nonceSignedFor !== null) return breaks(`nonce ${own} was signed before, for proposal ${short(nonceSignedFor)}`)
    // Two processes with one key, or one with an old journal, agree on this without a word: the log's order decides.
    if (firstWithNonce !== null && firstWithNonce !== digest)
      return breaks(`nonce ${own} belongs to an earlier proposal in the log, ${short(firstWithNonce)}`)
    if (maybeSigned !== null)
      return breaks(
        `this verifier's journal does not reach proposal ${short(maybeSigned.proposalDigest)}, which it may have signed and which is valid until ${maybeSigned.validUntil}: it signs nothing before that`,
      )
    return holds()
  },
}
