import { approvalTimeFault } from './approvalTime.ts'
import type { Policy } from './policy.ts'
import { pricingFault } from './pricingFault.ts'

/** What a policy says that cannot be meant: the field, as its path, and why. */
export type PolicyFault = { path: readonly (string | number)[]; reason: string }

/** Proof kinds that are built, as `proofs` may name them. */
export const PROOF_KINDS = ['signed', 'replay', 'freivalds', 'quorum', 'refereed', 'tee', 'opengradient'] as const

const NOBODY = `0x${'00'.repeat(20)}`
const VKEY = /^[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]+={0,2}$/

/**
 * Fields that contradict each other, or that refuse everything, or allow what nobody would: each is well-formed, and the
 * whole makes no sense. Pure: what a chain says otherwise, `policy check --rpc` tells.
 *
 * @example policyFaults(policy) // [{ path: ['approvals', 'threshold'], reason: 'is 5, and 3 people may approve' }]
 */
export function policyFaults(policy: Policy): PolicyFault[] {
  const faults: PolicyFault[] = []
  const fault: Add = (path, reason) => void faults.push({ path: path.split('.'), reason })
  accounts(policy, fault)
  venues(policy, fault)
  limits(policy, fault)
  proofs(policy, fault)
  people(policy, fault)
  identities(policy, fault)
  return faults
}

type Add = (path: string, reason: string) => void

/** Index of the first item that stands earlier in the list as well; null: none does. */
function repeated(items: readonly string[]): number | null {
  const at = items.findIndex((item, i) => items.indexOf(item) < i)
  return at < 0 ? null : at
}

function accounts({ safe, module, tokens, recipients, weth }: Policy, fault: Add): void {
  if (safe === NOBODY) fault('safe', 'is the zero address')
  if (module === NOBODY) fault('module', 'is the zero address')
  if (safe === module) fault('module', 'is the Safe itself')
  const symbol = repeated(tokens.map(token => token.symbol))
  if (symbol !== null) fault(`tokens.${symbol}.symbol`, `is ${tokens[symbol]?.symbol} a second time`)
  const address = repeated(tokens.map(token => token.address))
  if (address !== null) fault(`tokens.${address}.address`, 'stands in the list a second time')
  for (const [i, token] of tokens.entries()) {
    if (token.symbol === 'native') fault(`tokens.${i}.symbol`, 'native is the name of the native coin')
    if (token.address === NOBODY) fault(`tokens.${i}.address`, 'is the zero address')
    if (token.address === safe || token.address === module) fault(`tokens.${i}.address`, 'is the Safe or its module')
  }
  if (weth !== undefined && !tokens.some(token => token.address === weth))
    fault('weth', 'is no listed token: its amounts would have no price and no limit')
  const twice = repeated(recipients)
  if (twice !== null) fault(`recipients.${twice}`, 'stands in the list a second time')
  for (const [i, recipient] of recipients.entries())
    if (recipient === NOBODY || recipient === module)
      fault(
        `recipients.${i}`,
        `is ${recipient === NOBODY ? 'the zero address' : 'the module'}: what it is paid is lost`,
      )
}

function venues(policy: Policy, fault: Add): void {
  const { tokens, uniswapV3, uniswapV2 = [], calls = [], safe, module } = policy
  const isListed = (address: string) => tokens.some(token => token.address === address)
  const pair = (path: string, { token0, token1 }: { token0: string; token1: string }) => {
    if (token0 === token1) fault(`${path}.token1`, 'is token0 as well')
    else if (BigInt(token0) > BigInt(token1))
      fault(
        `${path}.token0`,
        `is above token1: a pool's token0 is the lower address, so they stand the wrong way round`,
      )
    if (!isListed(token0)) fault(`${path}.token0`, 'is no listed token')
    if (!isListed(token1)) fault(`${path}.token1`, 'is no listed token')
  }
  for (const [i, pool] of uniswapV3.entries()) {
    pair(`uniswapV3.${i}`, pool)
    if (pool.feePips === 0 || pool.feePips >= 1_000_000)
      fault(`uniswapV3.${i}.feePips`, `is ${pool.feePips}: millionths of the input, 500 is 0.05 %`)
  }
  for (const [i, one] of uniswapV2.entries()) pair(`uniswapV2.${i}`, one)
  const pool = repeated(uniswapV3.map(one => one.pool))
  if (pool !== null) fault(`uniswapV3.${pool}.pool`, 'stands in the list a second time')
  const v2 = repeated(uniswapV2.map(one => one.pair))
  if (v2 !== null) fault(`uniswapV2.${v2}.pair`, 'stands in the list a second time')
  for (const [i, call] of calls.entries()) {
    if (call.to === safe || call.to === module)
      fault(
        `calls.${i}.to`,
        `is the ${call.to === safe ? 'Safe' : 'module'}: a call to it would change who may do what`,
      )
    const inner = call.function.slice(call.function.indexOf('(') + 1, -1)
    const words = inner === '' ? 0 : inner.split(',').length
    if (call.recipientWord > words)
      fault(`calls.${i}.recipientWord`, `is ${call.recipientWord}, and ${call.function} takes ${words} arguments`)
  }
  const named = repeated(calls.map(call => `${call.to} ${call.function}`))
  if (named !== null) fault(`calls.${named}.function`, 'stands in the list a second time, for the same target')
  const unpriced = pricingFault(policy)
  if (unpriced !== null) {
    const [path = '', ...reason] = unpriced.split(': ')
    fault(path, reason.join(': '))
  }
}

function limits({ limits, tokens, observation, verifiers = [], exits = [] }: Policy, fault: Add): void {
  const never = ['rollingSeconds', 'tradesPerHour', 'maxConsecutiveFailures', 'maxValiditySeconds'] as const
  for (const name of never) if (limits[name] === 0) fault(`limits.${name}`, 'is 0: nothing would ever be approved')
  if (observation.maxAgeSeconds === 0) fault('observation.maxAgeSeconds', 'is 0: nothing would ever be approved')
  if (limits.perTradeUsd > limits.rollingUsd)
    fault(
      'limits.perTradeUsd',
      `is ${limits.perTradeUsd}, more than all trades together may move: ${limits.rollingUsd}`,
    )
  if (limits.gas !== undefined && BigInt(limits.gas.perTransactionWei) > BigInt(limits.gas.perDayWei))
    fault('limits.gas.perTransactionWei', 'is more than all transactions of a day may cost')
  for (const [symbol, { perTrade, rolling }] of Object.entries(limits.tokens ?? {})) {
    if (!tokens.some(token => token.symbol === symbol)) fault(`limits.tokens.${symbol}`, 'is no listed token')
    if (perTrade !== undefined && rolling !== undefined && BigInt(perTrade) > BigInt(rolling))
      fault(`limits.tokens.${symbol}.perTrade`, 'is more than all trades together may send out')
  }
  for (const [i, { aboveUsd, threshold }] of verifiers.entries()) {
    const wider = verifiers.find(other => other.aboveUsd < aboveUsd && other.threshold > threshold)
    if (wider !== undefined)
      fault(`verifiers.${i}.threshold`, `is ${threshold}, and less value asks for ${wider.threshold}`)
  }
  const band = repeated(verifiers.map(({ aboveUsd }) => String(aboveUsd)))
  if (band !== null) fault(`verifiers.${band}.aboveUsd`, 'stands in the list a second time')
  for (const [i, exit] of exits.entries())
    for (const name of ['sell', 'buy'] as const) {
      const symbol = exit[name]
      if (symbol !== undefined && symbol !== 'native' && !tokens.some(token => token.symbol === symbol))
        fault(`exits.${i}.${name}`, `is ${symbol}, which is no listed token`)
    }
}

function proofs({ proofs: bands, attestations = [] }: Policy, fault: Add): void {
  for (const [i, { upToUsd, anyOf }] of bands.entries()) {
    const before = bands[i - 1]
    if (before !== undefined && (before.upToUsd === null || (upToUsd !== null && upToUsd <= before.upToUsd)))
      fault(`proofs.${i}.upToUsd`, 'is never reached: the band before it covers as much')
    for (const [j, set] of anyOf.entries())
      for (const [k, kind] of set.entries()) {
        if (!PROOF_KINDS.some(known => known === kind))
          fault(`proofs.${i}.anyOf.${j}.${k}`, `is ${kind}, no proof kind: there are ${PROOF_KINDS.join(', ')}`)
        if ((kind === 'tee' || kind === 'opengradient') && !attestations.some(one => one.for === kind))
          fault(`proofs.${i}.anyOf.${j}.${k}`, `is ${kind}, and attestations names no platform for it`)
      }
  }
}

function people({ approvals, witnesses, limits, safe, module }: Policy, fault: Add): void {
  const { aboveUsd, approvers, threshold } = approvals
  const twice = repeated(approvers)
  if (twice !== null) fault(`approvals.approvers.${twice}`, 'stands in the list a second time')
  const count = new Set(approvers).size
  if (aboveUsd !== null && threshold > count)
    fault('approvals.threshold', `is ${threshold}, and ${count} people may approve`)
  for (const [i, approver] of approvers.entries())
    if (approver === safe || approver === module || approver === NOBODY)
      fault(`approvals.approvers.${i}`, 'is the Safe, its module or nobody: it approves nothing')
  const time = approvalTimeFault({ approvals, limits })
  if (time !== null) {
    const [path = '', ...reason] = time.split(': ')
    fault(path, reason.join(': '))
  }
  const vkeys = (witnesses?.keys ?? []).map(entry =>
    typeof entry === 'string' ? [entry] : entry.anyOf.map(({ vkey }) => vkey),
  )
  for (const [i, keys] of vkeys.entries())
    if (keys.some(key => !VKEY.test(key))) fault(`witnesses.keys.${i}`, 'is no verification key: name+hash+key')
  const key = vkeys.findIndex((keys, i) => keys.some(one => vkeys.slice(0, i).some(before => before.includes(one))))
  if (key >= 0) fault(`witnesses.keys.${key}`, 'stands in the list a second time')
}

function identities({ identities: listed }: Policy, fault: Add): void {
  for (const [kind, items] of Object.entries(listed)) {
    for (const [i, { fromMs, untilMs }] of items.entries())
      if (fromMs !== undefined && untilMs !== undefined && fromMs > untilMs)
        fault(`identities.${kind}.${i}.untilMs`, 'is before fromMs: it is never valid')
    const twice = repeated(items.map(item => JSON.stringify(item)))
    if (twice !== null) fault(`identities.${kind}.${twice}`, 'stands in the list a second time')
  }
}

/** Lists of identities of which none is valid at a time: nothing would be approved. For whoever has a clock. */
export function expiredFaults({ identities: listed }: Policy, nowMs: number): PolicyFault[] {
  const needed = ['log', 'agents', 'strategies', 'executors'] as const
  return needed.flatMap(kind => {
    const items = listed[kind]
    const last = items.findLastIndex(({ untilMs }) => untilMs !== undefined && untilMs < nowMs)
    if (last < 0 || items.some(({ untilMs }) => untilMs === undefined || untilMs >= nowMs)) return []
    return [
      {
        path: ['identities', kind, last, 'untilMs'],
        reason: 'has passed, and no other of its kind is valid: nothing would be approved',
      },
    ]
  })
}
