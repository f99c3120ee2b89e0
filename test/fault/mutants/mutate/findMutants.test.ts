import { describe, expect, test } from 'vitest'
import { applyMutant, findMutants, OPERATORS } from './findMutants.ts'

const changes = (file: string, source: string, operator?: string) =>
  findMutants(file, source)
    .filter(mutant => operator === undefined || mutant.operator === operator)
    .map(mutant => applyMutant(source, mutant))

const body = (text: string) => `contract A { function f(uint256 x) external onlySafe returns (bool) { ${text} } }`
const inBody = (text: string, operator: string) =>
  changes('a.sol', body(text), operator).map(source => source.slice(body('').indexOf('{ ', 15) + 2, -4))

describe('small changes to Solidity', () => {
  test('a modifier is removed; words of the language are not', () => {
    expect(changes('a.sol', body(''), 'remove-modifier')).toEqual([body('').replace('onlySafe ', ' ')])
  })
  test.each([
    ['remove-statement', 'x = 1; emit E(x);', ['{} emit E(x);', 'x = 1; {}']],
    ['remove-statement', 'if (x == 1) revert E();', ['if (x == 1) {}']],
    [
      'remove-statement',
      'for (uint256 i = 0; i < 3; i++) { if (x == i) continue; g(i); }',
      [
        'for (uint256 i = 0; i < 3; i++) { if (x == i) {} g(i); }',
        'for (uint256 i = 0; i < 3; i++) { if (x == i) continue; {} }',
      ],
    ],
    ['negate-condition', 'if (x == 1) g();', ['if (!(x == 1)) g();']],
    ['boundary', 'x < y; y >= x;', ['x <= y; y >= x;', 'x < y; y > x;']],
    ['arithmetic', 'x + y * z;', ['x - y * z;', 'x + y / z;']],
    ['constant', 'x = 0xff;', ['x = 0x100;', 'x = 0xfe;', 'x = 0x00;']],
    ['mask', 'x & 0xff;', ['x & 0x7f;']],
    ['logic', 'a && b;', ['a || b;']],
    [
      'drop-operand',
      'if (a && g(b, c) || d) h();',
      [
        'if (true && g(b, c) || d) h();',
        'if (a && true || d) h();',
        'if (a && false || d) h();',
        'if (a && g(b, c) || false) h();',
      ],
    ],
    ['swap-branches', 'x = a ? g(b) : c;', ['x = a ? c : g(b);']],
    ['swap-arguments', 'g(a, h(b), c);', ['g(h(b), a, c);', 'g(a, c, h(b));']],
    [
      'short-loop',
      'for (uint256 i = 0; i < n; i++) g();',
      ['for (uint256 i = 0; i < n && i < 1; i++) g();', 'for (uint256 i = 0; i + 1 < n; i++) g();'],
    ],
    ['first-element', 'g(xs[i]);', ['g(xs[0]);']],
    ['drop-not', '!a;', ['a;']],
    ['origin', 'x = msg.sender;', ['x = tx.origin;']],
    ['return-value', 'return a;', ['return false;']],
  ])('%s: %s', (operator, text, expected) => {
    const found = inBody(text, operator)
    for (const one of expected) expect(found).toContain(one)
  })
  test('comments, texts, imports and the version are left alone', () => {
    const source =
      '// x < y\npragma solidity ^0.8.30;\nimport {A} from "./A.sol";\nstring constant T = "a && b"; /* !a */'
    expect(findMutants('a.sol', source)).toEqual([])
  })
})

describe('small changes to TypeScript', () => {
  test.each([
    [
      'remove-statement',
      'function f() {\n  g(1)\n  return h()\n}',
      ['function f() {\n  {}\n  return h()\n}', 'function f() {\n  g(1)\n  {}\n}'],
    ],
    [
      'remove-statement',
      'switch (x) {\n  case 1:\n    y = 2\n    return\n}',
      ['switch (x) {\n  case 1:\n    {}\n    return\n}'],
    ],
    ['remove-statement', 'if (a) {\n  b\n    .c(1)\n    .d(2)\n}', ['if (a) {\n  {}\n}']],
    ['negate-condition', 'const f = (a: number) => a === 1\n', ['const f = (a: number) => !(a === 1)\n']],
    [
      'drop-operand',
      'const a =\n  b < 1 &&\n  c\nconst d = 2',
      ['const a =\n  true &&\n  c\nconst d = 2', 'const a =\n  b < 1 &&\n  true\nconst d = 2'],
    ],
    ['drop-step', 'x.filter(a => a).map(b)', ['x.map(b)']],
    [
      'short-loop',
      'for (const a of b.c()) d(a)',
      ['for (const a of [...b.c()].slice(0, 1)) d(a)', 'for (const a of [...b.c()].slice(1)) d(a)'],
    ],
    ['constant', 'const a = 86_400n', ['const a = 86401n', 'const a = 86399n', 'const a = 0n']],
    ['quantifier', 'a.every(b)', ['a.some(b)']],
    ['strict-object', 'z.strictObject({})', ['z.object({})']],
  ])('%s: %s', (operator, source, expected) => {
    for (const one of expected) expect(changes('a.ts', source, operator)).toContain(one)
  })
  test('types, templates and patterns are no code', () => {
    expect(findMutants('a.ts', 'const a: Map<string, Set<B>> = c')).toEqual([])
    const nested = '${' + 'b ? `x < 1` : 1}'
    expect(findMutants('a.ts', `const a = \`${nested}\``)).toEqual([])
    expect(findMutants('a.ts', 'const a = /a < 1 && "/g')).toEqual([])
  })
})

test('every operator has a name of its own, and says what it does', () => {
  expect(new Set(OPERATORS.map(({ name }) => name)).size).toBe(OPERATORS.length)
  for (const { says } of OPERATORS) expect(says).not.toBe('')
})
