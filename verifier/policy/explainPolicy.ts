import { groupDigits, showBps, showUnits } from '#verifier/evidence/text/money.ts'
import { showAddress } from '#verifier/evidence/text/showAddress.ts'
import { showText } from '#verifier/evidence/text/showText.ts'
import { showTime } from '#verifier/evidence/text/showTime.ts'
import { approvalSecondsOf } from './approvalTime.ts'
import { drawdownSeconds, failureSeconds } from './brakes.ts'
import { gasCeilingOf } from './gasCeiling.ts'
import { type Policy, policyDigest } from './policy.ts'

/**
 * One thing that a policy says. `id` names it across versions. A `measure` is compared: `wider` says which direction
 * allows more. Without one, being there allows something that its absence refuses, unless `wider` is null: then the text
 * itself is what counts.
 */
export type Statement = { id: string; text: string; measure?: number; wider: 'more' | 'less' | 'present' | null }

/** A change between two policies, from the treasury's side: `wider` lets an agent do more. */
export type PolicyChange = {
  id: string
  effect: 'wider' | 'narrower' | 'changed'
  before: string | null
  after: string | null
}

const number = (value: number) => groupDigits(String(value))
const share = (bps: number) => showBps(BigInt(bps))
/** Seconds in the largest unit that they fill. */
function days(seconds: number): string {
  const [size, unit] =
    seconds % 86_400 === 0 ? [86_400, 'day'] : seconds % 3_600 === 0 ? [3_600, 'hour'] : [1, 'second']
  const count = seconds / size
  return `${number(count)} ${unit}${count === 1 ? '' : 's'}`
}

/** What a policy allows and demands, in sentences for people, in a fixed order. */
export function explainPolicy(policy: Policy): Statement[] {
  const { limits, observation, approvals, witnesses, identities } = policy
  const gas = gasCeilingOf(policy)
  const unsaid = limits.gas === undefined ? ' (the policy says nothing of gas: this holds)' : ''
  const symbolOf = (address: string) => {
    const symbol = policy.tokens.find(token => token.address === address)?.symbol
    return symbol === undefined ? showAddress(address) : showText(symbol, 30)
  }
  const amountOf = (symbol: string, amount: string) => {
    const decimals = policy.tokens.find(token => token.symbol === symbol)?.decimals
    return decimals === undefined
      ? `${amount} base units of ${showText(symbol, 30)}`
      : `${showUnits(BigInt(amount), decimals)} ${showText(symbol, 30)}`
  }
  const more = (id: string, measure: number, text: string): Statement => ({ id, text, measure, wider: 'more' })
  const less = (id: string, measure: number, text: string): Statement => ({ id, text, measure, wider: 'less' })
  const present = (id: string, text: string): Statement => ({ id, text, wider: 'present' })
  const fixed = (id: string, text: string): Statement => ({ id, text, wider: null })
  const until = ({ fromMs, untilMs }: { fromMs?: number | undefined; untilMs?: number | undefined }) =>
    `${fromMs === undefined ? '' : ` from ${showTime(fromMs, 'UTC')}`}${untilMs === undefined ? '' : ` until ${showTime(untilMs, 'UTC')}`}`
  return [
    fixed(
      'treasury',
      `for the Safe ${showAddress(policy.safe)} through module ${showAddress(policy.module)} on chain ${policy.chainId}`,
    ),
    ...policy.tokens.map(({ symbol, address, decimals, usd, shares }) =>
      present(
        `token ${address}`,
        `may hold and trade ${showText(symbol, 30)} (${showAddress(address)}, ${decimals} decimals, priced ${usd === 'one' ? 'at one dollar' : 'by the oracle'}${shares === undefined ? '' : `, followed by its ${shares}`})`,
      ),
    ),
    ...policy.uniswapV3.map(({ router, pool, token0, token1, feePips }) =>
      present(
        `pool ${pool} ${router} ${feePips}`,
        `may swap ${symbolOf(token0)} and ${symbolOf(token1)} in the Uniswap v3 pool ${showAddress(pool)} (fee ${showUnits(BigInt(feePips), 4)} %) by router ${showAddress(router)}`,
      ),
    ),
    ...policy.uniswapV3.flatMap(({ pool, positions, token0, token1 }) =>
      positions === undefined
        ? []
        : [
            present(
              `liquidity ${pool} ${positions}`,
              `may provide liquidity of ${symbolOf(token0)} and ${symbolOf(token1)} to that pool by position manager ${showAddress(positions)}, and take it out`,
            ),
          ],
    ),
    ...(policy.uniswapV2 ?? []).map(({ router, pair, token0, token1 }) =>
      present(
        `pair ${pair} ${router}`,
        `may swap ${symbolOf(token0)} and ${symbolOf(token1)} in the Uniswap v2 pair ${showAddress(pair)} by router ${showAddress(router)}`,
      ),
    ),
    ...(policy.calls ?? []).map(({ to, function: name, recipientWord, maxValue }) =>
      present(
        `call ${to} ${name} ${recipientWord} ${maxValue ?? 0}`,
        `may call ${name} of ${showAddress(to)}${recipientWord === 0 ? '' : `, whose argument ${recipientWord} must be the Safe or one that it may send to`}, with ${maxValue === undefined ? 'no native coins' : `at most ${showUnits(BigInt(maxValue), 18)} native coins`}`,
      ),
    ),
    ...policy.recipients.map(address => present(`recipient ${address}`, `may send to ${showAddress(address)}`)),
    more('limits.perTradeUsd', limits.perTradeUsd, `one trade moves at most ${number(limits.perTradeUsd)} USD`),
    more(
      'limits.rollingUsd',
      limits.rollingUsd,
      `all trades together at most ${number(limits.rollingUsd)} USD in ${days(limits.rollingSeconds)}`,
    ),
    less('limits.rollingSeconds', limits.rollingSeconds, `that window is ${days(limits.rollingSeconds)} long`),
    more('limits.tradesPerHour', limits.tradesPerHour, `at most ${limits.tradesPerHour} trades an hour`),
    less('limits.cooldownSeconds', limits.cooldownSeconds, `at least ${days(limits.cooldownSeconds)} between trades`),
    more(
      'limits.maxSlippageBps',
      limits.maxSlippageBps,
      `no trade more than ${share(limits.maxSlippageBps)} worse than the oracle, fee included`,
    ),
    ...(limits.maxPriceImpactBps === undefined
      ? [fixed('limits.maxPriceImpactBps', 'how far a trade moves the price is not limited')]
      : [
          more(
            'limits.maxPriceImpactBps',
            limits.maxPriceImpactBps,
            `no trade moves the price against itself by more than ${share(limits.maxPriceImpactBps)}`,
          ),
        ]),
    ...Object.entries(limits.tokens ?? {}).flatMap(([symbol, { perTrade, rolling }]) => [
      ...(perTrade === undefined
        ? []
        : [fixed(`limits.tokens.${symbol}.perTrade`, `one trade sends out at most ${amountOf(symbol, perTrade)}`)]),
      ...(rolling === undefined
        ? []
        : [
            fixed(
              `limits.tokens.${symbol}.rolling`,
              `all together at most ${amountOf(symbol, rolling)} in that window`,
            ),
          ]),
    ]),
    more(
      'limits.gas.perTransactionWei',
      Number(gas.perTransactionWei),
      `one transaction costs at most ${showUnits(gas.perTransactionWei, 18)} native coins for gas${unsaid}`,
    ),
    more(
      'limits.gas.perDayWei',
      Number(gas.perDayWei),
      `all together at most ${showUnits(gas.perDayWei, 18)} in any 24 hours${unsaid}`,
    ),
    more(
      'limits.maxDrawdownBps',
      limits.maxDrawdownBps,
      `nothing more once the treasury is ${share(limits.maxDrawdownBps)} below its highest value`,
    ),
    more(
      'limits.maxConsecutiveFailures',
      limits.maxConsecutiveFailures,
      `nothing more after ${limits.maxConsecutiveFailures} failures in a row`,
    ),
    less('limits.failureSeconds', failureSeconds(limits), `a failure counts for ${days(failureSeconds(limits))}`),
    less(
      'limits.drawdownSeconds',
      drawdownSeconds(limits),
      `a highest value counts for ${days(drawdownSeconds(limits))}`,
    ),
    ...(limits.brakesFromSeconds === undefined
      ? []
      : [
          fixed(
            'limits.brakesFromSeconds',
            `falls and failures before ${showTime(limits.brakesFromSeconds * 1_000, 'UTC')} count no more: the owners' reset`,
          ),
        ]),
    more(
      'limits.maxValiditySeconds',
      limits.maxValiditySeconds,
      `a verdict is valid for at most ${days(limits.maxValiditySeconds)}`,
    ),
    more(
      'observation.maxAgeSeconds',
      observation.maxAgeSeconds,
      `what a decision saw is at most ${days(observation.maxAgeSeconds)} old`,
    ),
    more(
      'observation.toleranceTicks',
      observation.toleranceTicks,
      `bars may differ from the verifier's own by ${observation.toleranceTicks} ticks (0.01 % each)`,
    ),
    ...policy.proofs.map(({ upToUsd, anyOf }, i) =>
      fixed(
        `proofs ${i}`,
        `model calls behind ${upToUsd === null ? 'anything larger' : `up to ${number(upToUsd)} USD`} need ${anyOf.map(set => set.join(' and ')).join(', or ')}`,
      ),
    ),
    ...(policy.attestations ?? []).map(item => {
      const measured = Object.entries(item.measurements).map(([name, value]) => `${name} ${value.slice(0, 16)}…`)
      return present(
        `attestation ${item.for} ${item.platform} ${item.root} ${Object.values(item.measurements).join(' ')} ${item.tcb?.join(' ') ?? ''}`,
        `for ${item.for}, ${item.platform} under root ${item.root.slice(0, 16)}…, measuring ${measured.join(', ')}${item.tcb === undefined ? '' : `, firmware may be ${item.tcb.join(' or ')}`}${until(item)}`,
      )
    }),
    approvals.aboveUsd === null
      ? fixed('approvals', 'no human approval is asked for')
      : more(
          'approvals',
          approvals.aboveUsd,
          `above ${number(approvals.aboveUsd)} USD ${approvals.threshold} of ${approvals.approvers.length} people must approve`,
        ),
    ...(approvals.aboveUsd === null
      ? []
      : [
          more(
            'approvals.validitySeconds',
            approvalSecondsOf(policy),
            `people have ${days(approvalSecondsOf(policy))} for that: the calls stay as they were proposed, and verifiers judge them on the facts of the moment when the approval is there${approvals.validitySeconds === undefined ? ' (the policy says nothing of the time: this holds)' : ''}`,
          ),
        ]),
    ...(policy.verifiers ?? []).map(({ aboveUsd, threshold }) =>
      fixed(`verifiers ${aboveUsd}`, `above ${number(aboveUsd)} USD ${threshold} verifiers must have signed`),
    ),
    ...(policy.exits ?? []).map(({ intent, sell, buy }) =>
      present(
        `exit ${intent} ${sell ?? ''} ${buy ?? ''}`,
        `pre-approved at any size and time: ${intent}${sell === undefined ? '' : ` of ${showText(sell, 30)}`}${buy === undefined ? '' : ` for ${showText(buy, 30)}`}`,
      ),
    ),
    ...approvals.approvers.map(address => present(`approver ${address}`, `${showAddress(address)} may approve`)),
    witnesses === undefined
      ? fixed('witnesses', 'no cosignature of the log is asked for')
      : more(
          'witnesses',
          witnesses.aboveUsd,
          `above ${number(witnesses.aboveUsd)} USD ${witnesses.threshold} of ${witnesses.keys.length} witnesses must have cosigned the log`,
        ),
    ...(witnesses?.keys ?? []).flatMap(entry =>
      typeof entry === 'string'
        ? [present(`witness ${entry}`, `witness ${showText(entry)} counts`)]
        : entry.anyOf.map(key => present(`witness ${key.vkey}`, `witness ${showText(key.vkey)} counts${until(key)}`)),
    ),
    ...(policy.weth === undefined
      ? []
      : [present('weth', `native coins may be wrapped at ${showAddress(policy.weth)}, and back`)]),
    fixed(
      'onUnexplained',
      policy.onUnexplained === 'pause'
        ? 'a change of the treasury that nothing explains pauses the module'
        : 'a change of the treasury that nothing explains raises an alarm, and pauses nothing',
    ),
    ...identities.log.map(item => present(`log ${item.vkey}`, `log ${showText(item.vkey)}${until(item)}`)),
    ...identities.agents.map(item => present(`agent ${item.publicKey}`, `agent ${item.publicKey}${until(item)}`)),
    ...identities.strategies.map(item =>
      present(
        `strategy ${item.digest} ${item.params}`,
        `strategy ${item.digest} with parameters ${item.params}${until(item)}`,
      ),
    ),
    ...identities.models.map(item =>
      present(`model ${item.digest} ${item.numeric}`, `model ${item.digest} on ${item.numeric}${until(item)}`),
    ),
    ...identities.workers.map(item =>
      present(`worker ${item.publicKey}`, `worker ${item.publicKey} of ${showText(item.operator, 60)}${until(item)}`),
    ),
    ...identities.executors.map(item =>
      present(`executor ${item.address}`, `executor ${showAddress(item.address)}${until(item)}`),
    ),
  ]
}

/** What changes for the treasury when one policy takes the other's place, in the order of the newer one. */
export function diffPolicies(before: Policy, after: Policy): PolicyChange[] {
  const [old, fresh] = [explainPolicy(before), explainPolicy(after)]
  const changes: PolicyChange[] = []
  for (const statement of fresh) {
    const { id, text, measure, wider } = statement
    const was = old.find(candidate => candidate.id === id)
    if (was?.text === text && was.measure === measure) continue
    if (was === undefined)
      changes.push({ id, effect: wider === 'present' ? 'wider' : 'changed', before: null, after: text })
    else if (measure === undefined || was.measure === undefined || measure === was.measure || wider === null)
      changes.push({ id, effect: 'changed', before: was.text, after: text })
    else {
      const isMore = measure > was.measure
      changes.push({ id, effect: isMore === (wider === 'more') ? 'wider' : 'narrower', before: was.text, after: text })
    }
  }
  for (const { id, text, wider } of old) {
    if (fresh.some(candidate => candidate.id === id)) continue
    changes.push({ id, effect: wider === 'present' ? 'narrower' : 'changed', before: text, after: null })
  }
  return changes
}

/** The digest as the module shows it. */
export const shownDigest = (policy: Policy): string => `0x${policyDigest(policy)}`
