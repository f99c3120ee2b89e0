import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { DemoReport } from '#runtime/demo/runDemo.ts'

// Each of the demo's attacks succeeds once its defence is mutated away in a scratch copy of the source, and only that one.
const ROOT = resolve(import.meta.dirname, '../..')
const scratch = mkdtempSync(join(tmpdir(), 'warrant-mutations-'))
afterAll(() => rmSync(scratch, { recursive: true }))

type Mutation = { file: string; from: string; to: string }
const MUTATIONS: [attack: number, defence: string, Mutation[]][] = [
  [
    0,
    'the trace is checked',
    [
      {
        file: 'verifier/proof/freivalds/freivalds.ts',
        from: 'if (wrong === null)',
        to: 'if (1 + 1 === 2 || wrong === null)',
      },
    ],
  ],
  [
    1,
    'the limit per trade',
    [
      {
        file: 'verifier/judge/rules/perTrade.ts',
        from: 'return usd > perTradeUsd',
        to: 'return 1 + 1 === 3 && usd > perTradeUsd',
      },
    ],
  ],
  [
    2,
    'the calldata check, the bounds that see through it, and one proposal for a decision',
    [
      {
        file: 'verifier/judge/rules/calldata.ts',
        from: 'const difference = callsDifference(',
        to: 'const difference: string | null = 1 + 1 === 2 ? null : callsDifference(',
      },
      {
        file: 'verifier/judge/rules/once.ts',
        from: 'counted.find(',
        to: 'counted.slice(0, 0).find(',
      },
      {
        file: 'verifier/judge/rules/bounds.ts',
        from: 'if (BigInt(change.change) <',
        to: 'if (1 + 1 === 3 && BigInt(change.change) <',
      },
    ],
  ],
  [
    3,
    'the module knows its verifiers',
    [
      {
        file: 'verifier/contracts/WarrantModule.sol',
        from: 'if (next == verifiers.length || verifiers[next] != signer)',
        to: 'if (signer == address(0) && next == verifiers.length)',
      },
    ],
  ],
  [
    4,
    'what a module does that no guard allows is looked for',
    [
      {
        file: 'verifier/audit/completeness.ts',
        from: 'if (isAllowed === false)',
        to: 'if (isAllowed === null)',
      },
    ],
  ],
  [
    5,
    'the witness remembers',
    [
      {
        file: 'runtime/log/createWitness.ts',
        from: 'if (size === last.size && root !== last.root)',
        to: 'if (1 + 1 === 3 && size === last.size)',
      },
      {
        file: 'runtime/log/createWitness.ts',
        from: 'return verifyConsistency(nodeCrypto, held)',
        to: 'return 1 + 1 === 2 || verifyConsistency(nodeCrypto, held)',
      },
    ],
  ],
]

function demoOf(name: string, mutations: readonly Mutation[]): DemoReport {
  const dir = join(scratch, name)
  for (const part of [
    'agents',
    'config',
    'runtime',
    'strategies',
    'verifier',
    'test',
    'dist',
    'package.json',
    'tsconfig.json',
    'tsconfig.build.json',
  ]) {
    cpSync(join(ROOT, part), join(dir, part), { recursive: true })
  }
  symlinkSync(join(ROOT, 'node_modules'), join(dir, 'node_modules'))
  for (const { file, from, to } of mutations) {
    const text = readFileSync(join(dir, file), 'utf8')
    if (!text.includes(from)) throw new Error(`${file} no longer holds ${from}: adapt the mutation`)
    writeFileSync(join(dir, file), text.replace(from, to))
  }
  const built = spawnSync(process.execPath, ['config/build.mjs'], { cwd: dir, encoding: 'utf8' })
  if (built.status !== 0) throw new Error(built.stderr)
  const run = spawnSync(
    process.execPath,
    ['dist/runtime/cli/main.js', 'demo', '--once', '--json', '--decisions', '4'],
    { cwd: dir, encoding: 'utf8', timeout: 180_000 },
  )
  if (run.stdout === '') throw new Error(run.stderr)
  return JSON.parse(run.stdout)
}

describe('the attacks succeed without their defences', () => {
  test.each(MUTATIONS)(
    'attack %i: %s',
    (attack, _defence, mutations) => {
      const { refusals } = demoOf(String(attack), mutations)
      expect(refusals.map(r => r.caught)).toEqual([0, 1, 2, 3, 4, 5].map(i => i !== attack))
    },
    240_000,
  )
})
