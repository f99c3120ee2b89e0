import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'

// Who may import whom (docs/architecture.md). A rule is a folder and what its modules may import besides themselves.
const ROOT = resolve(import.meta.dirname, '..')
const PURE = /^(zod|viem(\/.*)?|@noble\/.*)$/

type Rule = { in: RegExp; may: (target: string) => boolean; because: string }
const under =
  (...prefixes: string[]) =>
  (target: string) =>
    prefixes.some(prefix => target.startsWith(prefix))
const RULES: Rule[] = [
  {
    in: /^verifier\/evidence\//,
    may: t => t.startsWith('verifier/evidence/') || PURE.test(t),
    because: 'evidence imports nothing of ours',
  },
  {
    in: /^verifier\/(?!evidence\/|service\/|attestation\/)/,
    may: t => (t.startsWith('verifier/') && !/^verifier\/(service|attestation)\//.test(t)) || PURE.test(t),
    because: 'the verifier is pure: no node:, no network, no clock; it also runs in a browser',
  },
  {
    in: /^verifier\/attestation\//,
    may: t =>
      under('verifier/evidence/', 'verifier/attestation/')(t) ||
      PURE.test(t) ||
      ['node:crypto', '@phala/dcap-qvl', '@peculiar/asn1-schema', '@peculiar/asn1-x509', 'cborg'].includes(t),
    because: "vendors' formats rest on libraries, and these stay behind one port",
  },
  {
    in: /^verifier\/service\//,
    may: t => t.startsWith('verifier/') || t.startsWith('node:') || PURE.test(t) || t === 'fastify',
    because: 'sandbox and engines come in as ports',
  },
  {
    in: /^strategies\/sdk\//,
    may: t => t.startsWith('strategies/sdk/') || t.startsWith('verifier/evidence/') || t === 'zod',
    because: 'the SDK runs in the sandbox',
  },
  {
    in: /^strategies\/(?!sdk\/)[^/]+\/train\//,
    may: t =>
      t.startsWith('strategies/') ||
      t.startsWith('runtime/market/') ||
      t.startsWith('runtime/model/compile/') ||
      t.startsWith('node:') ||
      t === 'onnx-proto',
    because:
      'a training script reads the market as the runtime does, compiles what it trained, and is no part of the strategy',
  },
  {
    in: /^strategies\/(?!sdk\/)(?![^/]+\/train\/)/,
    may: under('strategies/'),
    because: 'a strategy imports only the SDK and its own files',
  },
  {
    in: /^agents\//,
    may: t =>
      under('agents/', 'strategies/sdk/', 'verifier/evidence/')(t) ||
      !/^(runtime|config|verifier|strategies)\//.test(t),
    because: 'agents import sdk, evidence and ports; never the runtime',
  },
  {
    in: /^agents\/build\//,
    may: t => !t.startsWith('verifier/effects/'),
    because: 'encoder and decoder share no code',
  },
  { in: /^verifier\/effects\//, may: t => !t.startsWith('agents/'), because: 'encoder and decoder share no code' },
  {
    in: /^runtime\/(gateway|worker|queue)\//,
    may: t => !t.startsWith('runtime/chain/'),
    because: 'model output reaches a key only through a verdict',
  },
  {
    in: /^runtime\/chain\//,
    may: t => !/^(runtime\/(gateway|worker|queue)\/|strategies\/(?!sdk\/))/.test(t),
    because: 'the executor never sees a gateway or a strategy',
  },
]

function modules(dir: string): string[] {
  return readdirSync(join(ROOT, dir), { withFileTypes: true }).flatMap(entry => {
    const path = `${dir}/${entry.name}`
    return entry.isDirectory() ? modules(path) : /\.ts$/.test(entry.name) ? [path] : []
  })
}

function importsOf(path: string): string[] {
  const text = readFileSync(join(ROOT, path), 'utf8')
  const found = [
    ...text.matchAll(/^(?:(?:import|export)\b[^'"]*?from '|import ')([^']+)'|\bimport\('([^']+)'\)/gm),
  ].map(match => (match[1] ?? match[2]) as string)
  return found.map(target => {
    if (target.startsWith('#')) return target.slice(1)
    return target.startsWith('.') ? relative(ROOT, resolve(ROOT, path, '..', target)) : target
  })
}

const files = ['agents', 'strategies', 'verifier', 'runtime', 'config'].flatMap(modules)

describe('who may import whom', () => {
  const sources = files.filter(file => !file.endsWith('.test.ts'))
  test.each(RULES.map(rule => [String(rule.in), rule.because, rule] as const))('%s: %s', (_in, _because, rule) => {
    const inside = sources.filter(file => rule.in.test(file))
    expect(inside.length).toBeGreaterThan(0)
    const broken = inside.flatMap(file =>
      importsOf(file)
        .filter(target => !rule.may(target))
        .map(target => `${file} imports ${target}`),
    )
    expect(broken).toEqual([])
  })

  test('the rules bite: a forbidden import is seen', () => {
    const rule = RULES[1] as Rule
    expect(rule.may('node:fs')).toBe(false)
    expect(rule.may('runtime/log/openLog.ts')).toBe(false)
    expect(importsOf('runtime/log/openLog.ts')).toContain('verifier/log/merkle.ts')
  })
})

test('each key is touched by one file', () => {
  const readers = (pattern: RegExp) =>
    files.filter(
      file =>
        !file.endsWith('.test.ts') && !file.includes('/demo/') && pattern.test(readFileSync(join(ROOT, file), 'utf8')),
    )
  expect(readers(/privateKeyToAccount\(/)).toEqual(['verifier/service/key.ts', 'runtime/chain/signer.ts'])
  expect(readers(/createPrivateKey\(/)).toEqual(['runtime/crypto/ed25519Key.ts'])
})

test('no file is longer than 500 lines', () => {
  const long = files.filter(file => readFileSync(join(ROOT, file), 'utf8').split('\n').length > 500)
  expect(long).toEqual([])
})

describe('what people are shown passes one formatter', () => {
  const sources = files.filter(file => !file.endsWith('.test.ts'))
  const having = (pattern: RegExp) => sources.filter(file => pattern.test(readFileSync(join(ROOT, file), 'utf8')))

  test('one file writes to a terminal: no other can forget to escape and to redact', () => {
    expect(having(/process\.std(out|err)\.write|\bconsole\.\w+\(|pino\.destination/)).toEqual([
      // Speaks to the process that started it, and a script for developers.
      ...['strategies/trend-follower/train/train.ts', 'runtime/cli/lib/output.ts', 'runtime/demo/attacks/attacker.ts'],
    ])
  })

  test('markup is made by the template that escapes what is put into it', () => {
    const pages = having(/<!doctype|text\/html/).filter(file => !file.endsWith('/serveStatus.ts'))
    expect(pages.length).toBeGreaterThan(1)
    for (const file of pages) expect(importsOf(file)).toContain('verifier/evidence/text/html.ts')
    expect(having(/[^l]`<(!doctype|html|div|li|td|b|p|h\d)\b/)).toEqual([])
    expect(having(/new Html\(/)).toEqual(['verifier/evidence/text/html.ts', 'runtime/backtest/chartPage.ts'])
  })
})
