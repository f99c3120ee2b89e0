import { toldFiles, type WholeLog } from '../attack/contradictedLogs.ts'
import { addOtherRuns } from '../attack/otherRuns.ts'
import type { Files } from '../attack/rewrittenLogs.ts'
import { mutate } from './mutateLog.ts'
import { readTwice } from './twoReaders.ts'

/** An honest log of every kind of run and record, changed in one thing by somebody with its keys; null: it cannot be made. */
export async function mutatedFiles(base: WholeLog, seed: number): Promise<{ name: string; files: Files } | null> {
  let name = ''
  try {
    const files = await toldFiles(base, seed, async lie => {
      await addOtherRuns(lie)
      name = mutate(lie)
    })
    return { name: `seed ${seed}: ${name}`, files }
  } catch {
    // What has no canonical form, or none that its keys can sign, is no log to read.
    return null
  }
}

/**
 * One seeded case: both implementations say the same of the log.
 *
 * @returns what was changed, and whether it broke a rule
 * @throws Error when they differ
 */
export async function mutatedCase(seed: number, base: WholeLog, dir: string): Promise<string> {
  const made = await mutatedFiles(base, seed)
  if (made === null) return 'cannot be made'
  const [said] = await readTwice(dir, base, [made])
  if (said === undefined || said.here.join() !== said.there.join())
    throw new Error(`${made.name}: [${said?.here}] here, [${said?.there}] there: ${said?.why}`)
  return said.here.length === 0 ? 'no rule broken' : `${said.here.length > 3 ? 'many' : said.here.join(', ')} broken`
}
