// npm run faults -- mutants [--seed N] [--cases N | --all] [--only contracts|judge] [--workers N]: small changes to contracts and judges, each of which a test must notice.
import { WarrantError } from '#verifier/evidence/error.ts'
import { openResult, writeResult } from '../resultFile.ts'
import { allMutants, chosenMutants } from './mutantList.ts'
import { scoreMutants } from './mutantScore.ts'
import { OPERATORS } from './mutate/findMutants.ts'
import { type MutantKind, runMutants } from './runMutants.ts'

/** What must be killed, in percent. */
export const MUTANT_BARS: Record<MutantKind, number> = { contracts: 97, judge: 90 }

/** A run of fewer mutants is a try, and its result is not kept. */
const WHOLE = 300

export type MutantRunOptions = { seed: number; cases: number; only: MutantKind | null; workers: number }

/** Runs mutants of each kind, keeps the results, and says whether the bars hold. */
export async function runAllMutants({ seed, cases, only, workers }: MutantRunOptions): Promise<boolean> {
  console.error('operators:')
  for (const { name, says, languages } of OPERATORS) console.error(`  ${name}: ${says} (${languages.join(', ')})`)
  let holds = true
  for (const kind of ['contracts', 'judge'] as const) {
    if (only !== null && only !== kind) continue
    const opened = openResult(kind, seed)
    const mutants = chosenMutants(kind, { count: cases, seed })
    const results = await runMutants({
      ...{ kind, mutants, workers, patienceMs: 300_000 },
      onResult({ status, mutant }, done) {
        if (status === 'survived') console.error(`survived: ${mutant.id}`)
        if (done % Math.ceil(mutants.length / 20) === 0) console.error(`${kind}: ${done}/${mutants.length}`)
      },
    })
    const figures = { sites: allMutants(kind).length, ...scoreMutants(results) }
    console.log(JSON.stringify({ kind, ...opened, ...figures }, null, 2))
    const isWhole = mutants.length >= Math.min(WHOLE, allMutants(kind).length)
    console.error(isWhole ? `kept in ${writeResult(kind, { ...opened, figures })}` : 'not kept: too few')
    if (figures.killedPercent < MUTANT_BARS[kind]) holds = false
  }
  return holds
}

/** The options of the command line. @throws BAD_INPUT */
export function mutantOptions(args: readonly string[]): MutantRunOptions {
  const textOf = (name: string) => (args.includes(`--${name}`) ? args[args.indexOf(`--${name}`) + 1] : undefined)
  const number = (name: string, fallback: number) => {
    const value = Number(textOf(name) ?? fallback)
    if (!Number.isSafeInteger(value) || value < 1) throw new WarrantError('BAD_INPUT', `--${name} must be a count`)
    return value
  }
  const only = textOf('only') ?? null
  if (only !== null && only !== 'contracts' && only !== 'judge')
    throw new WarrantError('BAD_INPUT', '--only must be contracts or judge')
  const cases = args.includes('--all') ? Number.MAX_SAFE_INTEGER : number('cases', 300)
  return { seed: number('seed', 1), cases, only, workers: number('workers', 2) }
}
