// npm run faults -- log|rewritten|contradictions|conformance|peers|inference|models|treasury|loss|mutants [--cases N | --seconds S] [--seed S]: the long form of what CI runs a short form of. Exit 1 when a case fails.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runDemo } from '#runtime/demo/runDemo.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { contradictedCase, readWholeLog } from '../attack/contradictedLogs.ts'
import { lyingCase } from '../attack/inference/lyingCases.ts'
import { makeVictims } from '../attack/inference/victims.ts'
import { readBaseLog, rewrittenCase } from '../attack/rewrittenLogs.ts'
import { hasGo } from '../conformance/goVerifier.ts'
import { mutatedCase } from '../conformance/mutatedLogs.ts'
import { faultCase, faultPoints, hasStrace } from './logFaults.ts'
import { differentialCase } from './models/differential.ts'
import { openLossSuite } from './openLossSuite.ts'
import { peersCase } from './peers/peersCase.ts'
import { openTreasurySuite } from './treasury/openTreasurySuite.ts'

/** Runs one seeded case, and says under which name it counts. */
type Suite = ((seed: number) => Promise<string>) & {
  /** Ends what all cases share. */
  close?(): Promise<void>
  /** Keeps what a whole run came to, with the messages of the cases that failed. */
  keep?(failed: readonly string[]): string
}

const SUITES: Record<string, { cases: number; open(seed: number): Promise<Suite> }> = {
  log: {
    cases: 1_000,
    async open() {
      if (!hasStrace) throw new WarrantError('FILE_MISSING', 'this suite needs strace')
      const points = faultPoints()
      return async seed => {
        const { syscall, effect } = await faultCase(seed, points)
        return `${syscall} ${effect}`
      }
    },
  },
  inference: {
    cases: 12_000,
    async open() {
      const victims = await makeVictims()
      return seed => lyingCase(seed, victims)
    },
  },
  // A case is a run with a verifier and a witness that are silent, slow, lying or talk junk, beside honest ones.
  peers: {
    cases: 200,
    async open() {
      return peersCase
    },
  },
  // A case is a random graph with odd constants: refused, or the same bits from onnxruntime, the interpreter and a check.
  models: {
    cases: 20_000,
    async open() {
      return differentialCase
    },
  },
  // A case is a treasury whose agent lives and dies 26 times.
  treasury: { cases: 20, open: openTreasurySuite },
  // A case is one sequence of an attacker with every key but the owners', every fourth with one of honest work beside it.
  loss: { cases: 2_000, open: openLossSuite },
  contradictions: {
    cases: 1_000,
    async open() {
      const dir = mkdtempSync(join(tmpdir(), 'warrant-contradicted-'))
      const { close } = await runDemo({ decisions: 4, seed: '1', out: join(dir, 'demo') }, { say() {}, progress() {} })
      await close()
      const whole = await readWholeLog(join(dir, 'demo'))
      rmSync(dir, { recursive: true })
      return seed => contradictedCase(seed, whole)
    },
  },
  // A case is an honest log with one thing changed, read by both implementations.
  conformance: {
    cases: 2_000,
    async open() {
      if (!hasGo) throw new WarrantError('FILE_MISSING', 'this suite needs golang-go and golang-golang-x-mod-dev')
      const dir = mkdtempSync(join(tmpdir(), 'warrant-mutated-'))
      const { close } = await runDemo({ decisions: 4, seed: '1', out: join(dir, 'demo') }, { say() {}, progress() {} })
      await close()
      const whole = await readWholeLog(join(dir, 'demo'))
      const one = (seed: number) => mutatedCase(seed, whole, join(dir, 'logs'))
      return Object.assign(one, { close: async () => rmSync(dir, { recursive: true }) })
    },
  },
  rewritten: {
    cases: 10_000,
    async open() {
      const dir = mkdtempSync(join(tmpdir(), 'warrant-rewritten-'))
      const { close } = await runDemo({ decisions: 4, seed: '1', out: join(dir, 'demo') }, { say() {}, progress() {} })
      await close()
      const base = await readBaseLog(join(dir, 'demo'))
      rmSync(dir, { recursive: true })
      return async seed => (await rewrittenCase(seed, base)).name
    },
  },
}

function argument(name: string, fallback: number): number {
  const at = process.argv.indexOf(`--${name}`)
  const value = at < 0 ? fallback : Number(process.argv[at + 1])
  if (!Number.isSafeInteger(value) || value < 0) throw new WarrantError('BAD_INPUT', `--${name} must be a count`)
  return value
}

if (process.argv[2] === 'mutants') {
  const { mutantOptions, runAllMutants } = await import('./mutants/main.ts')
  process.exit((await runAllMutants(mutantOptions(process.argv.slice(3)))) ? 0 : 1)
}

const suite = SUITES[process.argv[2] ?? '']
if (suite === undefined) {
  console.error(
    `usage: npm run faults -- ${[...Object.keys(SUITES), 'mutants'].join('|')} [--cases N | --seconds S] [--seed S]`,
  )
  process.exit(2)
}
const [seconds, first] = [argument('seconds', 0), argument('seed', 1)]
const cases = seconds > 0 ? Number.MAX_SAFE_INTEGER : argument('cases', suite.cases)
const until = seconds > 0 ? performance.now() + 1_000 * seconds : Number.POSITIVE_INFINITY
const run = await suite.open(first)
const held = new Map<string, number>()
const failures: string[] = []
let done = 0
for (let seed = first; done < cases && performance.now() < until; seed++) {
  done++
  try {
    const name = await run(seed)
    held.set(name, (held.get(name) ?? 0) + 1)
  } catch (error) {
    failures.push((error as Error).message)
    console.error((error as Error).message)
  }
  const every = seconds > 0 ? 1_000 : Math.ceil(cases / 20)
  if (done % every === 0) console.error(`${done}${seconds > 0 ? '' : `/${cases}`}, ${failures.length} failed`)
}
const peakMiB = Math.round(process.resourceUsage().maxRSS / 1_024)
if (run.keep !== undefined)
  console.error(done >= suite.cases ? `kept in ${run.keep(failures)}` : `not kept: fewer than ${suite.cases} cases`)
const failed = failures.length
console.log(JSON.stringify({ cases: done, failed, peakMiB, held: Object.fromEntries([...held].sort()) }, null, 2))
await run.close?.()
process.exitCode = failed === 0 ? 0 : 1
