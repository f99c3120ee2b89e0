import { breaks, holds, type Rule } from '../rule.ts'

/** One decision moves money once: it may be proposed again only when what was proposed for it has ended unexecuted. */
export const once: Rule = {
  id: 'once',
  check: 'policy',
  judge({ subject: { proposal }, counters }) {
    const { counted, isDenied } = counters()
    if (isDenied) return breaks('too many verifiers have denied it on record: it takes a new proposal')
    const other = counted.find(({ decision }) => decision === proposal.body.decision)
    return other === undefined
      ? holds()
      : breaks(`the decision was signed for before, or still may be, as proposal ${other.digest.slice(0, 16)}…`)
  },
}
