import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTraderWorld } from '../../fault/treasury/traderWorld.ts'
import { VERIFIER_ATTACKS } from './verifierAttacks.ts'

// One attack by name, in whatever copy of the code this file stands in. Its answer is one line of JSON on stdout.
const attack = VERIFIER_ATTACKS.find(({ name }) => name === process.argv[2])
if (attack === undefined) throw new Error(`there is no attack ${process.argv[2]}`)
const { params, adjustPolicy } = attack
const dir = mkdtempSync(join(tmpdir(), 'warrant-attack-'))
const setting = await createTraderWorld(join(dir, 'world'), '3', 2, {
  ...(params === undefined ? {} : { params }),
  ...(adjustPolicy === undefined ? {} : { adjustPolicy }),
})
try {
  process.stdout.write(`${JSON.stringify(await attack.attempt(setting))}\n`)
} finally {
  await setting.release().catch(() => {})
  await setting.world.close()
  rmSync(dir, { recursive: true })
}
process.exit(0)
