import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { readMinutes } from './minutes.ts'

const root = mkdtempSync(join(tmpdir(), 'warrant-minutes-'))
afterAll(() => rmSync(root, { recursive: true }))
const HEADER = 'timestamp,closeTick,openTick,lowestTick,highestTick,currentLiquidity'
const row = (time: string, tick: string, open = '200000') => `${time},${tick},${open},199990,200010,1000`
let dirs = 0

function read(files: Record<string, string[]>) {
  const dir = join(root, String(dirs++))
  const at = mkdtempSync(`${dir}-`)
  for (const [name, rows] of Object.entries(files)) writeFileSync(join(at, name), `${[HEADER, ...rows].join('\n')}\n`)
  return readMinutes(at)
}

describe('minute bars', () => {
  test.each([
    ['30 February', '2022-02-30 00:00:00'],
    ['24:00', '2022-07-19 24:00:00'],
    ['31 April', '2022-04-31 12:00:00'],
    ['no leap day', '2023-02-29 12:00:00'],
    ['a second of 60', '2022-07-19 00:00:60'],
    ['a half minute', '2022-07-19 00:00:30'],
    ['another form', '2022-07-19T00:00:00'],
  ])('%s is no minute, and is refused by file and line', (_, time) => {
    expect(() => read({ 'a.csv': [row('2022-02-01 00:00:00', '200000'), row(time, '200000')] })).toThrow(
      /a\.csv:3: timestamp is not a whole minute/,
    )
  })

  test.each([
    ['hexadecimal', '0x30d40'],
    ['blank', ' '],
    ['empty', ''],
    ['an exponent', '2e5'],
    ['a fraction', '200000.5'],
    ['a sign', '+200000'],
    ['leading zeros', '0200000'],
    ['minus zero', '-0'],
    ['beyond the range', '887273'],
  ])('%s is no tick, and is refused by file and line', (_, tick) => {
    expect(() => read({ 'a.csv': [row('2022-07-19 00:00:00', '200000'), row('2022-07-19 00:01:00', tick)] })).toThrow(
      /a\.csv:3: closeTick is not a tick/,
    )
  })

  test("another pool's file of the next day is refused by file and line, whichever way it is quoted", () => {
    for (const tick of ['-200000', '75000'])
      expect(() =>
        read({
          '2022-07-19.csv': [row('2022-07-19 23:59:00', '200000')],
          '2022-07-20.csv': [`2022-07-20 00:00:00,${tick},${tick},${tick},${tick},1000`],
        }),
      ).toThrow(/2022-07-20\.csv:2: the price jumps from tick 200000 to -?\d+: is this a file of another pool\?/)
  })

  test('the advice for a hole names what can be done', () => {
    expect(() =>
      read({ 'a.csv': [row('2022-07-19 00:00:00', '200000'), row('2022-07-20 00:00:00', '200000')] }),
    ).toThrow(
      /a\.csv:3: 1439 minutes are missing before this row: the most is 240; fetch these days, or move the files of one side/,
    )
  })
})
