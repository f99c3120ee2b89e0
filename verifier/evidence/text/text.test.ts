import { describe, expect, test } from 'vitest'
import { attribute, html } from './html.ts'
import { showBps, showChange, showDecimal, showUnits, showUsd } from './money.ts'
import { keepUrlSecret, maskKeys, originOf, redact } from './redact.ts'
import { showAddress } from './showAddress.ts'
import { showJson, showLine, showText } from './showText.ts'
import { showDuration, showTime } from './showTime.ts'

describe('text that somebody else wrote', () => {
  test.each([
    ['newline, escape, bell', 'a\n\u001bP\u0007', 'a\\u{a}\\u{1b}P\\u{7}'],
    ['delete and C1', '\u007f\u0085\u009b', '\\u{7f}\\u{85}\\u{9b}'],
    ['bidirectional marks and isolates', '\u202e\u2066\u200f\u061c', '\\u{202e}\\u{2066}\\u{200f}\\u{61c}'],
    ['zero width', 'a\u200bb\u200d\ufeff\u2060', 'a\\u{200b}b\\u{200d}\\u{feff}\\u{2060}'],
    ['lone surrogates', '\ud83d \udc00', '\\u{d83d} \\u{dc00}'],
    ['separators', '\u2028\u2029', '\\u{2028}\\u{2029}'],
    ['tag characters', '\u{e0041}\u{e007f}', '\\u{e0041}\\u{e007f}'],
    ['what is drawn as nothing', '\u3164\u115f\u034f\u00ad', '\\u{3164}\\u{115f}\\u{34f}\\u{ad}'],
    ['other spaces', '\u00a0\u3000', '\\u{a0}\\u{3000}'],
    ['what may be read', 'Zürich 漢字 🙂 €5', 'Zürich 漢字 🙂 €5'],
  ])('%s', (_what, given, shown) => {
    expect(showText(given)).toBe(shown)
    expect(showLine(given)).toBe(shown)
  })

  test('is bounded by characters, not in the middle of one', () => {
    expect(showText('🙂'.repeat(5), 3)).toBe('🙂🙂🙂… (4 characters more)')
    expect(showText('x'.repeat(1_000_000)).length).toBeLessThan(350)
  })

  test('as JSON: it says the same, and nothing hides in it', () => {
    const value = { a: '\u001b\u009b\u202e\ud83d\u{e0041}\u2028\u00a0ü', b: [1n] }
    const text = showJson(value)
    expect(text).toMatch(/^[ -~ü]*$/)
    expect(JSON.parse(text)).toEqual({ ...value, b: ['1'] })
  })

  test('on a page: escaped, isolated, only markup of the template itself is markup', () => {
    expect(html`<b>${`<script>"'&\u202e`}</b>`.markup).toBe('<b>&#60;script&#62;&#34;&#39;&#38;\\u{202e}</b>')
    expect(html`<i>${'שלום'}</i>${[html`<u>${3}</u>`, html`<u>${'x'}</u>`]}`.markup).toBe(
      '<i><bdi>שלום</bdi></i><u>3</u><u>x</u>',
    )
    expect(html`<title>${attribute('שלום<')}</title>`.markup).toBe('<title>שלום&#60;</title>')
  })
})

test('money is exact, in groups, with its sign', () => {
  expect(showUnits(199_999_999_999n, 6)).toBe('199,999.999999')
  expect(showUnits(60_000_000_000n, 6)).toBe('60,000')
  expect(showUnits(-1n, 18)).toBe('-0.000000000000000001')
  expect(showUnits(1_234n, 0)).toBe('1,234')
  expect(showUnits(0n, 6)).toBe('0')
  expect([showChange(5n, 1), showChange(-5n, 1), showChange(0n, 1)]).toEqual(['+0.5', '-0.5', '0'])
  expect(showUnits(2n ** 256n - 1n, 18)).toBe(
    '115,792,089,237,316,195,423,570,985,008,687,907,853,269,984,665,640,564,039,457.584007913129639935',
  )
  expect([showUsd(60_000_000_000n), showUsd(1n), showUsd(-1_005_000n)]).toEqual(['60,000 USD', '0.01 USD', '-1.01 USD'])
  expect([showDecimal(199_999.99999999997), showDecimal('-60000.10'), showDecimal('n/a')]).toEqual([
    ...['200,000.00', '-60,000.10', 'n/a'],
  ])
  expect([showBps(125n), showBps(-5n)]).toEqual(['1.25 %', '-0.05 %'])
})

test('times: UTC, and local time where that is another', () => {
  expect(showTime(1_764_084_000_000, 'Asia/Tokyo')).toBe('2025-11-25 15:20:00 UTC (2025-11-26 00:20:00 Asia/Tokyo)')
  expect(showTime(1_764_084_000_000, 'UTC')).toBe('2025-11-25 15:20:00 UTC')
  expect(showTime(Number.MAX_SAFE_INTEGER)).toContain('ms since 1970')
  expect([showDuration(7_260), showDuration(90_061), showDuration(0), showDuration(59)]).toEqual([
    ...['2 h 1 min', '1 d 1 h', '0 s', '59 s'],
  ])
})

test('addresses carry their checksum, and the name that is known', () => {
  const weth = '0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2'
  expect(showAddress(weth)).toBe('0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2')
  expect(showAddress(weth, new Map([[weth, 'WETH\n']]))).toBe('0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2 (WETH\\u{a})')
  expect(showAddress('0x12\u001b')).toBe('0x12\\u{1b}')
})

describe('what is secret in an address is not told', () => {
  test.each([
    ['failed at https://node.example/v3/4f1c: x', 'failed at https://node.example/…: x'],
    ['at http://127.0.0.1:8545: fetch failed', 'at http://127.0.0.1:8545: fetch failed'],
    ['(wss://u:p@h:1/k?a=b#c)', '(wss://h:1/…)'],
    ['redis://:hunter22@cache:6379/2.', 'redis://cache:6379/….'],
    ['"rediss://user:a/b@cache"', '"rediss://…"'],
    ['at file:///app/main.js:3', 'at file:///app/main.js:3'],
  ])('%s', (text, told) => expect(redact(text)).toBe(told))

  test('nor what a node says of the key', () => {
    keepUrlSecret('https://us%65r:pass%20word@node.example/v2/mainnet/0123456789abcdefghij?token=abcdef12345')
    expect(redact('key 0123456789abcdefghij or abcdef12345 of user (pass word, pass%20word) on mainnet')).toBe(
      'key … or … of user (…, …) on mainnet',
    )
    expect(originOf('https://node.example/v2/x')).toBe('https://node.example/…')
  })

  test('a key in a line that is quoted', () => {
    expect(maskKeys(`Unexpected 0x${'ab'.repeat(32)} at line 2`)).toBe('Unexpected … at line 2')
  })
})
