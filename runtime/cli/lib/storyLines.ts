import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { toHex } from '#verifier/evidence/bytes.ts'
import { type AnyRecord, encodeRecord } from '#verifier/evidence/record.ts'
import { hashLeaf } from '#verifier/log/merkle.ts'
import { storyWords } from './explanationPage.ts'
import type { Story } from './storyCollector.ts'

/** A line of a story (docs/reading.md): a record of it, where it stands, and what it says in words. */
export type StoryLine = {
  story: AnyRecord['kind']
  /** Leaf hash of the decision that the line belongs to. */
  decision: string
  index: number | null
  leafHash: string
  time: string
  says: string[]
  record: AnyRecord
}

/** Leaf hash of a record. */
export const leafOf = (record: AnyRecord) => toHex(hashLeaf(nodeCrypto, encodeRecord(record)))

/**
 * A story as lines of JSON: decision, what it saw, requests with their answers, proposals, approvals, verdicts,
 * submissions, outcomes, fills, incidents.
 */
export function storyLines(story: Story, indexOf: (leaf: string) => number | null): StoryLine[] {
  const words = storyWords(story)
  const line = (record: AnyRecord, says: string[]): StoryLine => {
    const leafHash = leafOf(record)
    const time = Number.isSafeInteger(record.atMs) && record.atMs <= 8.64e15 ? new Date(record.atMs).toISOString() : ''
    return {
      story: record.kind,
      decision: story.decisionLeaf,
      index: indexOf(leafHash),
      leafHash,
      time,
      says,
      record,
    }
  }
  const { observation, decision } = story
  return [
    line(decision, words.decided()),
    ...(observation === null ? [] : [line(observation, words.seen())]),
    ...story.calls.flatMap(call => {
      const [asked = '', ...answered] = words.asked(call)
      const response = line(
        call.response,
        answered.map(text => text.trim()),
      )
      return call.request === null ? [response] : [line(call.request, [asked]), response]
    }),
    ...story.proposals.map(({ record }) => line(record, words.proposed(record))),
    ...story.approvals.map(record => line(record, words.approved(record))),
    ...story.verdicts.map(record => line(record, words.checked(record))),
    ...story.submissions.map(({ record }) => line(record, words.submitted(record))),
    ...story.outcomes.map(record => line(record, words.outcome(record))),
    ...story.fills.map(record => line(record, words.filled(record))),
    ...story.incidents.map(record => line(record, words.incident(record))),
  ]
}
