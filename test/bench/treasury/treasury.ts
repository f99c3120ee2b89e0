import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { atMost, type Figure, reported } from '../figure.ts'
import { verdictFigures } from '../verdicts.ts'
import { measureSwapGas } from './swapGas.ts'

/** What the chain charges for a guarded swap, and what a verdict takes. */
export async function treasuryBench(): Promise<Figure[]> {
  const { module, moduleWithApproval, extraVerifier, plainSafe, rolesV2 } = await measureSwapGas()
  const beside = (gas: number) => `${(gas / plainSafe).toFixed(2)} × a plain Safe with one owner (${plainSafe})`
  const dir = mkdtempSync(join(tmpdir(), 'warrant-bench-'))
  const verdicts = await verdictFigures(dir, { decisions: 200, p50: 30, p99: 120 })
  rmSync(dir, { recursive: true })
  return [
    {
      ...atMost('swap-gas', module, 'gas', 195_000, 'standing allowance, one verifier, two bounds, cap, three assets'),
      baseline: `${beside(module)}, ${(module / rolesV2).toFixed(2)} × Zodiac Roles v2 (${rolesV2})`,
    },
    {
      ...reported('swap-gas-approval', moduleWithApproval, 'gas', 'approve and swap in one batch, nothing left'),
      baseline: beside(moduleWithApproval),
    },
    atMost('extra-verifier-gas', extraVerifier, 'gas', 8_000),
    ...verdicts,
  ]
}
