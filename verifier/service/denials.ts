import type { JudgedVerdict } from './createVerifier.ts'

/** Denials that are remembered at most. */
const MOST = 1_000

/** What was denied, and when asking again can only give the same. */
export type Denials = {
  /** The denial of a proposal, where neither the log nor the chain has moved since; else null. */
  find(proposal: string, at: DeniedAt): JudgedVerdict | null
  keep(proposal: string, at: DeniedAt, given: JudgedVerdict): void
}

/** The log's size, the chain's head, and the block that was asked for. */
export type DeniedAt = { size: number; head: string; refBlock: number | null }

/** Denials in memory: whoever asks the same again and again has it judged once. */
export function createDenials(): Denials {
  const known = new Map<string, { at: string; given: JudgedVerdict }>()
  const textOf = ({ size, head, refBlock }: DeniedAt) => `${size} ${head} ${refBlock}`
  return {
    find(proposal, at) {
      const found = known.get(proposal)
      return found !== undefined && found.at === textOf(at) ? found.given : null
    },
    keep(proposal, at, given) {
      if (given.verdict.answer !== 'deny') return
      known.delete(proposal)
      known.set(proposal, { at: textOf(at), given })
      if (known.size > MOST) known.delete(known.keys().next().value as string)
    },
  }
}
