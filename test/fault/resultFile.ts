import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { WarrantError } from '#verifier/evidence/error.ts'
import { JUDGE_TARGETS } from './mutants/judge/judgeTargets.ts'
import { ROOT } from './root.ts'

const counts = z.record(z.string(), z.int())
const mutantFigures = z.strictObject({
  /** Mutants that the operators offer. */
  sites: z.int(),
  run: z.int(),
  killed: z.int(),
  equivalent: z.int(),
  noMutants: z.int(),
  killedPercent: z.number(),
  survivors: z.array(z.string()),
})
const share = z.strictObject({ once: z.number(), inWindow: z.number() })
const lossFigures = z.strictObject({
  sequences: z.int(),
  honestSequences: z.int(),
  /** Sequences that let more out than a limit, or were refused though honest. */
  failed: z.array(z.string()),
  /** Defences taken out, each of which a sequence told. */
  faultsTold: z.int(),
  /** Batches of the attacker by move, refusals by error, honest batches by kind. */
  succeeded: counts,
  refusedBy: counts,
  honest: counts,
  /** By asset: the largest part of its narrowest limit used at once, and of twice that in a window. */
  shares: z.record(z.string(), share),
})
const treasuryFigures = z.strictObject({
  runs: z.int(),
  lives: z.int(),
  failed: z.array(z.string()),
  ...{ killed: z.int(), verifierKilled: z.int(), decisions: z.int(), executed: z.int() },
  ...{ reverted: z.int(), denied: z.int(), abandoned: z.int() },
})

const MUTANTS = 'test/fault/mutants'
const CHAIN = 'test/attack/chain'
const contracts = () => filesUnder('verifier/contracts').filter(file => file.endsWith('.sol'))

/** Long runs whose results are kept: what each says, and the files that it rests on. */
const RESULTS = {
  contracts: {
    ...{ what: 'mutants of contracts', again: 'mutants --only contracts', figures: mutantFigures },
    files: () => [
      ...contracts(),
      ...['mutate', 'spec', 'contracts'].flatMap(dir => filesUnder(`${MUTANTS}/${dir}`)),
      ...['knownFaults.ts', 'equivalents.ts', 'openContractJudge.ts'].map(name => `${MUTANTS}/${name}`),
    ],
  },
  judge: {
    ...{ what: 'mutants of the judge', again: 'mutants --only judge', figures: mutantFigures },
    files: () => [
      ...JUDGE_TARGETS.flatMap(({ files, tests }) => [...files, ...tests]),
      ...['mutate', 'judge'].flatMap(dir => filesUnder(`${MUTANTS}/${dir}`)),
      `${MUTANTS}/equivalents.ts`,
    ],
  },
  loss: {
    ...{ what: 'sequences of an attacker', again: 'loss', figures: lossFigures },
    files: () => [
      ...contracts(),
      ...['loss', 'contracts'].flatMap(dir => filesUnder(`${CHAIN}/${dir}`)),
      ...['arena.ts', 'attacks/positions.ts', 'mutants.ts'].map(name => `${CHAIN}/${name}`),
      ...['planAdoption', 'wantedSettings', 'moduleSettings'].map(name => `runtime/chain/adoption/${name}.ts`),
    ],
  },
  treasury: {
    ...{ what: 'treasuries whose agents were killed', again: 'treasury', figures: treasuryFigures },
    files: () => [...contracts(), ...filesUnder('test/fault/treasury')],
  },
} as const
export type ResultName = keyof typeof RESULTS
export type FiguresOf<N extends ResultName> = z.infer<(typeof RESULTS)[N]['figures']>

/** What a long run came to, and what it is true of. */
export type Result<N extends ResultName> = {
  /** The commit that holds these files, when the run ended. */
  commit: string
  seed: number
  /** SHA-256 over the files that it rests on: a result of other files is stale. */
  digest: string
  machine: { processor: string; cores: number; node: string }
  figures: FiguresOf<N>
}

const RESULTS_DIR = join(ROOT, 'test/fault/results')
const pathOf = (name: ResultName, dir: string) => join(dir, `${name}.json`)

function filesUnder(dir: string): string[] {
  return readdirSync(join(ROOT, dir), { withFileTypes: true }).flatMap(entry =>
    entry.isDirectory() ? filesUnder(`${dir}/${entry.name}`) : [`${dir}/${entry.name}`],
  )
}

/** The digest of all that a run's result rests on. */
export function resultDigest(name: ResultName): string {
  const hash = createHash('sha256')
  for (const file of [...new Set<string>(RESULTS[name].files())].sort())
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(ROOT, file)))
      .update('\0')
  return hash.digest('hex')
}

/** What a run is true of, asked before it begins: what changes meanwhile makes its result stale. */
export function openResult(name: ResultName, seed: number): Omit<Result<ResultName>, 'figures' | 'commit'> {
  const [processor] = cpus()
  return {
    ...{ seed, digest: resultDigest(name) },
    machine: { processor: processor?.model.trim() ?? 'unknown', cores: cpus().length, node: process.version },
  }
}

function headCommit(): string {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], { cwd: ROOT, encoding: 'utf8', stdio: 'pipe' }).trim()
  } catch {
    return 'no commit: these are sources without their history'
  }
}

const header = z.object({
  ...{ commit: z.string(), seed: z.int(), digest: z.string().length(64) },
  machine: z.strictObject({ processor: z.string(), cores: z.int(), node: z.string() }),
})

function parseResult<N extends ResultName>(name: N, value: unknown): Result<N> {
  const { figures } = z.object({ figures: z.unknown() }).parse(value)
  return { ...header.parse(value), figures: RESULTS[name].figures.parse(figures) as FiguresOf<N> }
}

/** Keeps a run's result where the bench finds it. */
export function writeResult<N extends ResultName>(
  name: N,
  result: Omit<Result<N>, 'commit'>,
  dir = RESULTS_DIR,
): string {
  mkdirSync(dir, { recursive: true })
  const whole = parseResult(name, { commit: headCommit(), ...result })
  writeFileSync(pathOf(name, dir), `${JSON.stringify(whole, null, 2)}\n`)
  return pathOf(name, dir)
}

/**
 * The result of the last long run.
 *
 * @throws FILE_MISSING where there was none
 * @throws BAD_INPUT where what it rests on has changed since
 */
export function readResult<N extends ResultName>(name: N, dir = RESULTS_DIR): Result<N> {
  const { what, again } = RESULTS[name]
  const command = `run npm run faults -- ${again}`
  if (!existsSync(pathOf(name, dir))) throw new WarrantError('FILE_MISSING', `no ${what} were run yet: ${command}`)
  const result = parseResult(name, JSON.parse(readFileSync(pathOf(name, dir), 'utf8')))
  if (result.digest !== resultDigest(name))
    throw new WarrantError(
      'BAD_INPUT',
      `${what} were run at ${result.commit}, and what they rest on has changed since: ${command}`,
    )
  return result
}
