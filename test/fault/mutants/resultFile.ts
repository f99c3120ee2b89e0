import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { WarrantError } from '#verifier/evidence/error.ts'
import { ROOT } from './compileSources.ts'
import { JUDGE_TARGETS } from './judge/judgeTargets.ts'
import type { MutantKind } from './runMutants.ts'

const result = z.strictObject({
  commit: z.string(),
  seed: z.int(),
  /** SHA-256 over the mutated sources, the tests that must notice, and the operators. */
  digest: z.string().length(64),
  /** Mutants that the operators offer. */
  sites: z.int(),
  run: z.int(),
  killed: z.int(),
  equivalent: z.int(),
  noMutants: z.int(),
  killedPercent: z.number(),
  survivors: z.array(z.string()),
})
export type MutantRunResult = z.infer<typeof result>

const MUTANTS = 'test/fault/mutants'
const RESULTS = join(ROOT, MUTANTS, 'results')
const pathOf = (kind: MutantKind, dir: string) => join(dir, `${kind}.json`)

function filesUnder(dir: string): string[] {
  return readdirSync(join(ROOT, dir), { withFileTypes: true }).flatMap(entry =>
    entry.isDirectory() ? filesUnder(`${dir}/${entry.name}`) : [`${dir}/${entry.name}`],
  )
}

/** The digest of all that a run's result depends on. */
export function mutantDigest(kind: MutantKind): string {
  const files =
    kind === 'contracts'
      ? [
          ...filesUnder('verifier/contracts').filter(file => file.endsWith('.sol')),
          ...['mutate', 'spec', 'contracts'].flatMap(dir => filesUnder(`${MUTANTS}/${dir}`)),
        ]
      : [...JUDGE_TARGETS.flatMap(({ files, tests }) => [...files, ...tests]), ...filesUnder(`${MUTANTS}/mutate`)]
  const hash = createHash('sha256')
  for (const file of [...files].sort())
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(ROOT, file)))
      .update('\0')
  return hash.digest('hex')
}

/** Keeps a run's result where the bench finds it. */
export function writeMutantResult(kind: MutantKind, value: MutantRunResult, dir = RESULTS): string {
  mkdirSync(dir, { recursive: true })
  writeFileSync(pathOf(kind, dir), `${JSON.stringify(result.parse(value), null, 2)}\n`)
  return pathOf(kind, dir)
}

/**
 * The result of the last long run.
 *
 * @throws FILE_MISSING where there was none
 * @throws BAD_INPUT where sources or tests have changed since
 */
export function readMutantResult(kind: MutantKind, dir = RESULTS): MutantRunResult {
  const again = `run npm run faults -- mutants --only ${kind}`
  if (!existsSync(pathOf(kind, dir)))
    throw new WarrantError('FILE_MISSING', `no mutants of ${kind} were run yet: ${again}`)
  const value = result.parse(JSON.parse(readFileSync(pathOf(kind, dir), 'utf8')))
  if (value.digest !== mutantDigest(kind))
    throw new WarrantError(
      'BAD_INPUT',
      `the mutants of ${kind} were run at ${value.commit}, and sources or tests have changed since: ${again}`,
    )
  return value
}
