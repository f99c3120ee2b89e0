import type { Rule } from '../rule.ts'
import { approvalLimits } from './approvalLimits.ts'
import { approvals } from './approvals.ts'
import { bounds } from './bounds.ts'
import { calldata } from './calldata.ts'
import { caps } from './caps.ts'
import { cooldown } from './cooldown.ts'
import { decision } from './decision.ts'
import { drawdown } from './drawdown.ts'
import { failures } from './failures.ts'
import { identities } from './identities.ts'
import { nonce } from './nonce.ts'
import { observedBars } from './observedBars.ts'
import { observedBlock } from './observedBlock.ts'
import { observedReads } from './observedReads.ts'
import { observedWindow } from './observedWindow.ts'
import { once } from './once.ts'
import { perTrade } from './perTrade.ts'
import { priceImpact } from './priceImpact.ts'
import { proofs } from './proofs.ts'
import { recipients } from './recipients.ts'
import { rolling } from './rolling.ts'
import { simulation } from './simulation.ts'
import { slippage } from './slippage.ts'
import { terms } from './terms.ts'
import { tokenLimits } from './tokenLimits.ts'
import { tradesPerHour } from './tradesPerHour.ts'
import { validity } from './validity.ts'
import { value } from './value.ts'
import { verifiers } from './verifiers.ts'
import { wholeLog } from './wholeLog.ts'
import { witnesses } from './witnesses.ts'

/** Every rule, in the order in which a denial names the first. */
export const RULES: readonly Rule[] = [
  wholeLog,
  witnesses,
  identities,
  proofs,
  observedBlock,
  observedWindow,
  observedReads,
  observedBars,
  decision,
  calldata,
  simulation,
  caps,
  approvalLimits,
  value,
  nonce,
  once,
  perTrade,
  rolling,
  tradesPerHour,
  cooldown,
  failures,
  tokenLimits,
  approvals,
  validity,
  recipients,
  slippage,
  terms,
  priceImpact,
  drawdown,
  verifiers,
  bounds,
]
