import { format } from 'node:util'
import * as vitest from '@vitest/expect'
import * as chai from 'chai'

// What unit tests ask of vitest, where they run in the process that judges their mutants: no worker, no watcher.
type Run = (...args: never[]) => unknown
type Hooks = { beforeAll: Run[]; afterAll: Run[]; beforeEach: Run[]; afterEach: Run[] }
type Suite = Hooks & { name: string; parts: (Suite | { name: string; run: Run })[] }

const newSuite = (name: string): Suite => ({
  ...{ name, parts: [], beforeAll: [], afterAll: [], beforeEach: [], afterEach: [] },
})
const root = newSuite('')
let open = root

const isRun = (value: unknown): value is Run => typeof value === 'function'

export function test(name: string, ...rest: unknown[]): void {
  const run = rest.find(isRun)
  if (run === undefined) throw new Error(`${name} has no test`)
  open.parts.push({ name, run })
}
export function describe(name: string, ...rest: unknown[]): void {
  const define = rest.find(isRun)
  const suite = newSuite(name)
  open.parts.push(suite)
  const outer = open
  open = suite
  ;(define as () => void)?.()
  open = outer
}
const each =
  (define: (name: string, ...rest: unknown[]) => void) =>
  (rows: readonly unknown[]) =>
  (name: string, ...rest: unknown[]) => {
    for (const row of rows) {
      const args = (Array.isArray(row) ? row : [row]) as never[]
      const run = rest.find(isRun) as Run
      define(format(name, ...args.map(String)), () => run(...args))
    }
  }
test.each = each(test)
describe.each = each(describe)
export const it = test
export const beforeAll = (run: Run) => void open.beforeAll.push(run)
export const afterAll = (run: Run) => void open.afterAll.push(run)
export const beforeEach = (run: Run) => void open.beforeEach.push(run)
export const afterEach = (run: Run) => void open.afterEach.push(run)

/** One for the process: its matchers are put into chai once. */
const shared = globalThis as { expectHere?: unknown }
shared.expectHere ??= createExpect()
export const expect = shared.expectHere as (value: unknown, message?: string) => unknown

function createExpect(): unknown {
  chai.use(vitest.JestExtend)
  chai.use(vitest.JestChaiExpect)
  chai.use(vitest.JestAsymmetricMatchers)
  const made = (value: unknown, message?: string) => chai.expect(value, message)
  Object.assign(made, chai.expect)
  const symbols = globalThis as unknown as Record<symbol, object>
  Object.assign(made, symbols[vitest.ASYMMETRIC_MATCHERS_OBJECT])
  symbols[vitest.GLOBAL_EXPECT] = made
  vitest.setState({ assertionCalls: 0, isExpectingAssertions: false, expectedAssertionsNumber: null }, made as never)
  return made
}

/** Runs what was defined; the first failure as text, null when all passes. @throws Error where nothing was defined */
export async function runDefined(): Promise<string | null> {
  const failed = await runSuite(root, [], [])
  if (failed === null && passed === 0) throw new Error('there is no test')
  return failed
}
let passed = 0

async function runSuite(suite: Suite, before: Run[], after: Run[]): Promise<string | null> {
  const [beforeEach, afterEach] = [
    [...before, ...suite.beforeEach],
    [...suite.afterEach, ...after],
  ]
  const named = (name: string, error: unknown) =>
    `${[suite.name, name].filter(Boolean).join(' > ')}: ${String((error as Error)?.message ?? error)}`
  try {
    for (const run of suite.beforeAll) await (run as () => unknown)()
    for (const part of suite.parts) {
      if ('parts' in part) {
        const failed = await runSuite(part, beforeEach, afterEach)
        if (failed !== null) return failed
        continue
      }
      try {
        for (const run of beforeEach) await (run as () => unknown)()
        await (part.run as () => unknown)()
        for (const run of afterEach) await (run as () => unknown)()
        passed++
      } catch (error) {
        return named(part.name, error)
      }
    }
  } catch (error) {
    return named('before all', error)
  } finally {
    for (const run of suite.afterAll) await Promise.resolve((run as () => unknown)()).catch(() => {})
  }
  return null
}
