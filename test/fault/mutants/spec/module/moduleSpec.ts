import type { ContractSpec } from '../specCase.ts'
import { BLOCK_CASES } from './blocks.ts'
import { CALL_CASES, GRANT_CASES } from './calls.ts'
import { openModule } from './moduleWorld.ts'
import { BOUND_CASES, LIMIT_CASES } from './outflows.ts'
import { SETTING_CASES } from './settings.ts'
import { APPROVAL_CASES, VERDICT_CASES } from './verdicts.ts'

/** What WarrantModule must do, with the libraries that it is made of. */
export const moduleSpec: ContractSpec = {
  about: 'WarrantModule',
  contract: 'WarrantModule',
  open: openModule,
  cases: [
    ...VERDICT_CASES,
    ...CALL_CASES,
    ...BOUND_CASES,
    ...LIMIT_CASES,
    ...GRANT_CASES,
    ...APPROVAL_CASES,
    ...BLOCK_CASES,
    ...SETTING_CASES,
  ],
}
