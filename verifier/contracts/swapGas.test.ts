import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { measureSwapGas, type SwapGas } from '../../test/bench/treasury/swapGas.ts'

const SNAPSHOT = new URL('./gas/swap.json', import.meta.url).pathname

/** Zero bytes of block hashes and signatures make whole transactions differ a little: 12 gas each. */
const TOLERANCE = 600

test('gas of a guarded swap, against the snapshot', async () => {
  const gas = await measureSwapGas()
  if (process.env.UPDATE_GAS === '1') writeFileSync(SNAPSHOT, `${JSON.stringify(gas, null, 2)}\n`)
  const expected = JSON.parse(readFileSync(SNAPSHOT, 'utf8')) as SwapGas
  for (const name of Object.keys(expected) as (keyof SwapGas)[])
    expect(
      Math.abs(gas[name] - expected[name]),
      `${name}: ${gas[name]}, the snapshot says ${expected[name]}`,
    ).toBeLessThan(TOLERANCE)
  expect(gas.extraVerifier).toBeLessThanOrEqual(8_000)
}, 60_000)
