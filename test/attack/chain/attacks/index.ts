import type { ContractAttack } from './attack.ts'
import { COLLUSION_ATTACKS } from './collusion.ts'
import { LEFTOVER_ATTACKS } from './leftovers.ts'
import { OTHER_WAYS } from './otherWays.ts'
import { OUTFLOW_ATTACKS } from './outflows.ts'
import { PEOPLE_ATTACKS } from './people.ts'
import { SIGNATURE_ATTACKS } from './signatures.ts'
import { WORLD_ATTACKS } from './world.ts'

/** Every attack on the contracts. */
export const CONTRACT_ATTACKS: ContractAttack[] = [
  ...SIGNATURE_ATTACKS,
  ...PEOPLE_ATTACKS,
  ...COLLUSION_ATTACKS,
  ...OUTFLOW_ATTACKS,
  ...LEFTOVER_ATTACKS,
  ...OTHER_WAYS,
  ...WORLD_ATTACKS,
]
