import { BUCKETS, EFFECTS, inModule, OUTFLOWS } from '../attacks/attack.ts'
import type { Mutation } from '../mutation.ts'

/** A defence that is taken out, and what the sequences then tell. `often`: in every test run; the others in the long form alone. */
export type LossFault = { name: string; without: Mutation[]; told: RegExp; often?: true }

const inBuckets = (from: string, to: string): Mutation[] => [{ file: BUCKETS, from, to }]
const inOutflows = (from: string, to: string): Mutation[] => [{ file: OUTFLOWS, from, to }]
const neverBites = (error: string) => inModule(`if (!fits) revert ${error}`, `if (1 == 2) revert ${error}`)
const COUNT_GRANT = 'Outflows.add(ledger, place - 1, grant.amount);'
const MORE = /left within \d+ s/

/** Each of them lets more out than the owners' limits: sequences that did not tell so would prove nothing. */
export const LOSS_FAULTS: readonly LossFault[] = [
  { name: 'the cap never bites', without: neverBites('CapExceeded'), told: MORE, often: true },
  { name: 'the limit of the unapproved never bites', without: neverBites('ApprovalNeeded'), told: MORE },
  { name: 'the limit of the few never bites', without: neverBites('VerifiersNeeded'), told: MORE },
  {
    name: 'a limit forgets what flowed out',
    ...{ without: inBuckets('bucket.level = uint96(level + outflow);', 'bucket.level = 0;'), told: MORE },
  },
  {
    name: 'a limit leaks twice as fast',
    ...{ without: inBuckets('uint256(bucket.amount) * (', '2 * uint256(bucket.amount) * ('), told: MORE, often: true },
  },
  { name: 'an allowance does not count', without: inModule(COUNT_GRANT, ''), told: MORE, often: true },
  { name: 'value does not count', without: inOutflows('add(ledger, index, value);', ''), told: MORE },
  { name: 'an amount word does not count', without: inModule('if (rule.amountWord != 0)', 'if (1 == 2)'), told: MORE },
  {
    name: 'a rise makes up for a fall',
    ...{ without: inOutflows('if (current != last) _set', 'if (current < last) _set'), told: MORE, often: true },
  },
  {
    name: 'only the first assets are measured',
    ...{ without: inOutflows('if (current < last) add', 'if (i < 2 && current < last) add'), told: MORE },
  },
  {
    name: 'an allowance may stay',
    without: inModule('if (left != 0 && _spenders', 'if (1 == 2 && left != 0 && _spenders'),
    told: /left behind: allowance|the attacker took by himself/,
  },
  {
    name: 'an operator may stay',
    without: [
      { file: EFFECTS, from: 'IERC721(to).isApprovedForAll(safe, grant.spender) ? 1 : 0', to: '0' },
      ...inModule('if (place == 0 || grant.overAll) revert', 'if (place == 0) revert'),
      ...inModule(COUNT_GRANT, `if (!grant.overAll) ${COUNT_GRANT}`),
    ],
    told: /operator of positions|the attacker took by himself|are gone|left within/,
  },
  {
    name: 'anybody may be paid',
    ...{ without: inModule(' && _payeePlace[recipient] == 0', ' && false'), told: /the attacker has|are gone/ },
  },
]
