import { WarrantError } from '#verifier/evidence/error.ts'
import { showText } from '#verifier/evidence/text/showText.ts'
import { showTime } from '#verifier/evidence/text/showTime.ts'
import { explanationPage } from './explanationPage.ts'
import { complain, createPrinter, printJsonLine } from './output.ts'
import { failuresOf, readingJson } from './reading/readingJson.ts'
import { type ReadOptions, readLog } from './reading/readLog.ts'
import { type FilterOptions, recordFilter } from './reading/recordFilter.ts'
import { whatIsNotSeen } from './reading/whatIsNotSeen.ts'
import { createStoryCollector, type Story } from './storyCollector.ts'
import { storyLines } from './storyLines.ts'
import { placedRecords } from './storyRecords.ts'

export type ShowStoriesOptions = ReadOptions & FilterOptions & { decision?: string; json?: boolean }

/**
 * Tells what became of decisions: a page of one, a line each of several, or all as lines of JSON. Returns the exit code.
 *
 * @throws BAD_INPUT, FILE_MISSING, UNREACHABLE, EVIDENCE_MISSING
 */
export async function showStories(where: string, options: ShowStoriesOptions): Promise<number> {
  const { decision, json, since, until, run, agent, kind, answer, value, text } = options
  const filter = recordFilter({ since, until, run, agent, kind, answer, value, text })
  const stories = createStoryCollector()
  const reading = await readLog(where, options, (leaf, index, records) => {
    const record = records.record(leaf)
    if (record !== null) filter.take({ leaf, record })
    stories.onRecord(leaf, index, records)
  })
  const chosen = choose()
  if (json) {
    const { size, root, findings } = reading.report
    printJsonLine({ story: 'log', v: 1, ...readingJson(reading), size, root, findings })
    for (const story of chosen) for (const line of storyLines(story, stories.indexOf)) printJsonLine(line)
    printJsonLine({ story: 'end', decisions: chosen.length })
    return reading.ok ? 0 : 1
  }
  const print = createPrinter(false)
  for (const failure of failuresOf(reading)) print(`FAIL  ${failure}`)
  const [only] = chosen
  if (chosen.length === 1 && only !== undefined) for (const line of explanationPage(only, reading)) print(line)
  else {
    for (const story of chosen) print(summaryOf(story))
    print(`${chosen.length} decisions; --decision TICK tells one, --json all`)
    for (const line of whatIsNotSeen(reading)) complain(line)
  }
  return reading.ok ? 0 : 1

  function choose(): Story[] {
    // What does not verify is told of as far as it goes: its findings come first.
    if (reading.report.ok) filter.refuseUnknown()
    if (decision !== undefined) {
      const story = stories.find(decision)
      if (story !== null) return [story]
      if (!reading.report.ok) return []
      throw new WarrantError(
        'EVIDENCE_MISSING',
        `${decision}: no decision, record or transaction of that name in ${where}`,
      )
    }
    const all = stories.all().filter(({ decisionLeaf }) => reading.decisions?.includes(decisionLeaf) ?? true)
    if (filter.isEmpty) return all
    return all.filter(story =>
      filter.passesStory({ leaf: story.decisionLeaf, record: story.decision }, placedRecords(story)),
    )
  }
}

/** A decision and what became of it, on one line. */
function summaryOf({ decision, verdicts, outcomes, fills, submissions }: Story): string {
  const { tick, agent, result } = decision.body
  const answers = verdicts.map(({ body }) => body.answer)
  const ends = [...outcomes, ...fills].map(({ body }) => body.status)
  const became = [
    ...(answers.length > 0 ? [`verdicts: ${answers.join(', ')}`] : []),
    ...(submissions.length > 0 && ends.length === 0 ? ['submitted'] : []),
    ...ends,
  ]
  const end = became.length === 0 ? '' : ` → ${became.join('; ')}`
  return `tick ${tick}  ${showTime(decision.atMs)}  ${showText(agent, 40)}  ${result.type}: ${showText(result.reason, 80)}${end}`
}
