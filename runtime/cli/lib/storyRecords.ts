import type { AnyRecord } from '#verifier/evidence/record.ts'
import type { Placed } from './reading/recordFilter.ts'
import type { Story } from './storyCollector.ts'
import { leafOf } from './storyLines.ts'

/** Every record of a story but its run, each once. */
export function storyRecords({ observation, calls, decision, ...story }: Story): AnyRecord[] {
  const asked = calls.flatMap(({ request, response }) => (request === null ? [response] : [request, response]))
  const proposed = [...story.proposals, ...story.submissions].map(({ record }) => record)
  const all = [...(observation === null ? [] : [observation]), ...asked, decision, ...proposed]
  const told = [...story.approvals, ...story.verdicts, ...story.outcomes, ...story.fills, ...story.incidents]
  // A response may be used twice by one decision.
  return [...new Set<AnyRecord>([...all, ...told])]
}

/** The same with their leaf hashes. */
export function placedRecords(story: Story): Placed[] {
  return storyRecords(story).map(record => ({ leaf: leafOf(record), record }))
}
