import { WarrantError } from '#verifier/evidence/error.ts'
import { type Reading, type ReadOptions, readLog } from './reading/readLog.ts'
import { createStoryCollector, type Story } from './storyCollector.ts'

/** A decision's story, and the log that it was taken from. `story`: null where the log does not verify, and it is not there. */
export type Explanation = { story: Story | null; reading: Reading }

/** Everything in a log, bundle or `.warrant` about one decision. @throws EVIDENCE_MISSING when nothing matches */
export async function explainDecision(where: string, what: string, options: ReadOptions = {}): Promise<Explanation> {
  const stories = createStoryCollector()
  const reading = await readLog(where, options, stories.onRecord)
  const story = stories.find(what)
  if (story === null && reading.report.ok)
    throw new WarrantError('EVIDENCE_MISSING', `${what}: no decision, record or transaction of that name in ${where}`)
  return { story, reading }
}
