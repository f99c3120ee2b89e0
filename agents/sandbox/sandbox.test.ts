import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { Doors, SandboxedStrategy } from '#verifier/evidence/ports/sandbox.ts'
import type { View } from '#verifier/evidence/records/observation.ts'
import { bundleStrategy } from './bundleStrategy.ts'
import { createSandbox } from './createSandbox.ts'
import { DEFAULT_LIMITS } from './limits.ts'

const dir = mkdtempSync(join(tmpdir(), 'warrant-sandbox-'))
afterAll(() => rmSync(dir, { recursive: true }))

const view: View = {
  tick: 0,
  timeMs: 1_000,
  intervalSeconds: 60,
  bars: { timeSeconds: [0], open: [200_000], high: [200_000], low: [200_000], close: [200_000] },
  balances: { USDC: '1000000', WETH: '0' },
}
const doors: Doors = {
  view,
  infer: async () => ({ type: 'tensor', tensor: { dtype: 'float32', shape: [1], data: 'AACAPw==' } }),
}
const source = (body: string, head = '') => `
import { defineStrategy, z } from 'warrant/sdk'
${head}
export default defineStrategy({
  name: 'test', version: '1', params: z.object({}), models: [{ name: 'm' }],
  market: { pair: { base: 'WETH', quote: 'USDC' }, intervalSeconds: 60, window: 1 },
  async decide(ctx) { ${body} },
})`
let files = 0
async function load(text: string, limits = {}): Promise<SandboxedStrategy> {
  const file = join(dir, `s${files++}.ts`)
  writeFileSync(file, text)
  const { bytes } = await bundleStrategy(file)
  return createSandbox({ ...DEFAULT_LIMITS, ...limits }).load(bytes, '{}')
}
async function decide(body: string, limits = {}, head = '') {
  const strategy = await load(source(body, head), limits)
  try {
    return (await strategy.decide(doors)).result
  } finally {
    await strategy.close()
  }
}

describe('the sandbox', () => {
  test('a strategy observes, infers and decides; the same bundle twice has one digest', async () => {
    const body =
      "const s = await ctx.observe(); const [v] = await ctx.infer('m', [1]); return ctx.intent.swap({ sell: 'USDC', buy: 'WETH', amountIn: s.balance('USDC'), maxSlippageBps: 50, reason: 'v=' + v })"
    const result = await decide(body)
    expect(result).toMatchObject({
      type: 'intents',
      reason: 'v=1',
      intents: [{ type: 'swap', sell: 'USDC', amountIn: '1000000' }],
    })
    const file = join(dir, 'twice.ts')
    writeFileSync(file, source(body))
    expect((await bundleStrategy(file)).digest).toBe((await bundleStrategy(file)).digest)
  })

  test('what a plugin forgot to declare is named', async () => {
    const file = join(dir, 'bare.ts')
    const market = "{ pair: { base: 'WETH', quote: 'USDC' }, intervalSeconds: 60, window: 2 }"
    writeFileSync(
      file,
      `import { defineStrategy } from 'warrant'\nexport default defineStrategy({ name: 'bare', version: '1', market: ${market}, async decide(ctx) { return ctx.hold('x') } } as never)`,
    )
    const { bytes } = await bundleStrategy(file)
    await expect(createSandbox().load(bytes, '{}')).rejects.toThrow('params is missing: give z.strictObject({})')
  })

  test('clock, randomness and engine-dependent maths are absent', async () => {
    const found = await decide(`
      const tried = []
      for (const [name, attempt] of Object.entries({
        now: () => Date.now(), date: () => new Date().getTime(), random: () => Math.random(), exp: () => Math.exp(1),
      })) { try { tried.push(name + '=' + attempt()) } catch (e) { tried.push(name + ' throws') } }
      return ctx.hold(tried.join(', ') + ', sqrt=' + Math.sqrt(4))`)
    expect(found).toEqual({ type: 'hold', reason: 'now throws, date throws, random throws, exp throws, sqrt=2' })
  })

  test.each([
    ['fs', "import { readFileSync } from 'node:fs'\nconst x = readFileSync"],
    ['a package', "import viem from 'viem'\nconst x = viem"],
    ['the runtime', "import { openLog } from '#runtime/log/openLog.ts'\nconst x = openLog"],
    ['a file outside', "import x from '../../etc/x.ts'"],
  ])('importing %s is refused by file and line', async (_what, head) => {
    await expect(load(source('return ctx.hold(String(typeof x))', head))).rejects.toThrow(/s\d+\.ts:\d+: .*imports/)
  })

  test('nonsense from a strategy is refused, naming the field', async () => {
    await expect(decide("return { kind: 'hold', reason: '' }")).rejects.toThrow('result')
    await expect(decide('return 7')).rejects.toThrow('decide must return')
    await expect(decide("return { kind: 'intent', reason: 'x', intent: { type: 'drain', to: 'me' } }")).rejects.toThrow(
      'result',
    )
    await expect(decide("throw new Error('my fault')")).rejects.toThrow('my fault')
  })
})

describe('text that looks like code', () => {
  test('in strings, templates, tagged templates, regular expressions and comments it stays what it is', async () => {
    const result = await decide(`
      // import (x), eval (y), <!-- z -->
      /* import(x) */
      const n = 2
      const texts = [
        'import (tariffs) and export (levies)', "eval ('" + n + "')", '<!-- ' + n + ' -->',
        \`import ( \${n} ) eval ( <!-- \${'-->'} \`, String.raw\`import (\\d) \${n} eval (\\x41) -->\`, '\\import (a)',
      ]
      const patterns = [/import \\(x\\)/.test('import (x)'), /<!--|-->/.test('-->'), /^e?val \\(|eval (x)/u.test('eval x'), /[<!--a]/.test('%')]
      let left = 3
      while (left --> 0) {}
      const o = { a: { import: x => x, eval: x => x } }
      return ctx.hold(JSON.stringify([...texts, ...patterns, left < ! --left, o.a.import (1), o.a.eval (2)]))`)
    const expected = [
      ...['import (tariffs) and export (levies)', "eval ('2')", '<!-- 2 -->', 'import ( 2 ) eval ( <!-- --> '],
      ...['import (\\d) 2 eval (\\x41) -->', 'import (a)', true, true, true, true, true, 1, 2],
    ]
    expect(JSON.parse((result as { reason: string }).reason)).toEqual(expected)
  })

  test.each([
    ['an import expression', "const name = 'node:fs'\nconst m = await import(name)", 3],
    ['a direct eval', "const x = 1\n\neval('x')", 4],
    ['a method of that name', 'const o = {\n  import(x) { return x },\n}', 3],
  ])('%s is refused by file and line', async (_, body, line) => {
    const text = `import { defineStrategy, z } from 'warrant/sdk'\nasync function run(ctx) { ${body}\nreturn ctx.hold('x') }
export default defineStrategy({ name: 'test', version: '1', params: z.object({}),
  market: { pair: { base: 'WETH', quote: 'USDC' }, intervalSeconds: 60, window: 1 }, decide: run } as never)`
    await expect(load(text)).rejects.toMatchObject({
      code: 'STRATEGY_INVALID',
      shortMessage: expect.stringMatching(new RegExp(`s\\d+\\.ts:${line}: looks like`)),
    })
  })
})

describe('ten escapes', () => {
  const reach = (expression: string) =>
    `let out; try { out = typeof (${expression}) } catch (e) { out = 'refused' } return ctx.hold(String(out))`
  const expectNothing = (result: unknown) =>
    expect(['undefined', 'refused']).toContain((result as { reason: string }).reason)

  test('1. constructor chains reach no host global', async () => {
    expectNothing(await decide(reach("ctx.constructor.constructor('return process')()")))
    expectNothing(await decide(reach("(async () => {}).constructor.constructor('return globalThis.process')()")))
  })
  test('2. prototypes cannot be tampered with', async () => {
    const result = await decide(
      'try { Object.prototype.polluted = 1; Array.prototype.push = () => 0 } catch {} return ctx.hold(String(({}).polluted))',
    )
    expect(result).toEqual({ type: 'hold', reason: 'undefined' })
  })
  test('3. the async function constructor makes no function in the host', async () => {
    expectNothing(await decide(reach("await Object.getPrototypeOf(async () => {}).constructor('return process')()")))
  })
  test('4. dynamic import is refused', async () => {
    await expect(decide("const m = await import('node:fs'); return ctx.hold(typeof m)")).rejects.toThrow(/import/)
    expectNothing(await decide(reach(`(0, eval)(['im', 'port("node:fs")'].join(''))`)))
  })
  test('5. error objects leak no stack frames of the host', async () => {
    const result = await decide(
      "let s = ''; try { null.x } catch (e) { s = String(e.stack) } Error.prepareStackTrace = (_, f) => f; return ctx.hold('stack:' + /childMain|node:internal/.test(s) + typeof new Error().stack)",
    ).catch(error => ({ reason: String(error) }))
    expect((result as { reason: string }).reason).not.toContain('stack:true')
  })
  test('6. an endless loop ends at the time limit', async () => {
    await expect(decide('for (;;) {}', { decisionMs: 300 })).rejects.toMatchObject({ code: 'SANDBOX_LIMIT' })
  })
  test('7. a memory bomb ends at the memory limit, on the heap and off it', async () => {
    const limits = { decisionMs: 20_000, memoryMiB: 160 }
    await expect(decide("const a = []; for (;;) a.push(new Array(1e5).fill('x'))", limits)).rejects.toMatchObject({
      code: 'SANDBOX_LIMIT',
    })
    await expect(
      decide('const a = []; for (;;) { a.push(new Uint8Array(1e7).fill(1)); await null }', limits),
    ).rejects.toMatchObject({ code: 'SANDBOX_LIMIT' })
  })
  test('8. a flood of microtasks ends at the time limit', async () => {
    await expect(
      decide('const f = () => Promise.resolve().then(f); await f()', { decisionMs: 300 }),
    ).rejects.toMatchObject({ code: 'SANDBOX_LIMIT' })
  })
  test("9. getter traps on the host's answers change nothing outside", async () => {
    const before = JSON.stringify(view)
    const result = await decide(
      "const s = await ctx.observe(); try { Object.defineProperty(s.bars, 'close', { get() { return [1] } }) } catch {} return ctx.hold('tampered with its own copy')",
    )
    expect(result).toMatchObject({ type: 'hold' })
    expect(JSON.stringify(view)).toBe(before)
    await expect(
      decide("return { get kind() { return 'hold' }, get reason() { throw new Error('trap') } }"),
    ).rejects.toThrow('trap')
  })
  test('10. nothing can be smuggled to standard output, and no console of the host is there', async () => {
    expectNothing(await decide(reach('process.stdout')))
    const result = await decide("try { console.log('{\"decisions\":1}') } catch {} return ctx.hold('wrote')")
    expect(result).toEqual({ type: 'hold', reason: 'wrote' })
  })
  test('and the environment of the host is not inherited', async () => {
    process.env.WARRANT_TEST_SECRET = 'secret'
    expectNothing(await decide(reach('globalThis.process.env.WARRANT_TEST_SECRET')))
  })
  test('a strategy that broke a limit gets a fresh process for its next tick', async () => {
    const strategy = await load(
      source("const s = await ctx.observe(); if (s.tick === 0) for (;;) {} return ctx.hold('alive')"),
      { decisionMs: 300 },
    )
    await expect(strategy.decide(doors)).rejects.toMatchObject({ code: 'SANDBOX_LIMIT' })
    expect((await strategy.decide({ ...doors, view: { ...view, tick: 1 } })).result).toEqual({
      type: 'hold',
      reason: 'alive',
    })
    await strategy.close()
  })
  test('of decisions that are made again together, one that never ends fails alone', async () => {
    const strategy = await load(
      source("const s = await ctx.observe(); if (s.tick === 7) for (;;) {} return ctx.hold('tick ' + s.tick)"),
      { decisionMs: 300 },
    )
    const made = await Promise.allSettled(
      Array.from({ length: 20 }, (_, tick) => strategy.rederive({ view: { ...view, tick }, inferences: [] })),
    )
    for (const [tick, one] of made.entries()) {
      if (tick === 7) expect(one).toMatchObject({ status: 'rejected', reason: { code: 'SANDBOX_LIMIT' } })
      else expect(one).toMatchObject({ value: { result: { type: 'hold', reason: `tick ${tick}` } } })
    }
    await strategy.close()
  })
  test('a flood of door uses ends at the limit', async () => {
    await expect(decide("for (;;) await ctx.infer('m', [1])", { decisionMs: 20_000 })).rejects.toMatchObject({
      code: 'SANDBOX_LIMIT',
    })
  })
})
