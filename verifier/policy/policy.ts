import { z } from 'zod'
import { digestJson } from '#verifier/evidence/digest.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { address, count, digest, ed25519Key, label, uintString } from '#verifier/evidence/primitives.ts'
import { maskKeys } from '#verifier/evidence/text/redact.ts'
import { MOST_APPROVAL_SECONDS } from './approvalTime.ts'
import { lowerAddresses } from './checksum.ts'
import { policyFaults } from './policyFaults.ts'

const validity = { fromMs: count.optional(), untilMs: count.optional() }
const usd = count.describe('whole US dollars')
const bps = z.int().min(0).max(10_000).describe('1 bps = 0.01 %')

/** Proof kinds that a model call must carry: every kind of at least one of the sets. */
const proofBand = z.strictObject({
  upToUsd: usd.nullable().describe('value at risk up to which this band holds; null: any'),
  anyOf: z.array(z.array(label).min(1)).min(1),
})

/** A vkey with an ML-DSA-44 key takes 1,800 characters. */
const witnessVkey = z.string().min(1).max(2_200)

const hex = z.string().regex(/^([0-9a-f]{2})+$/, 'must be lower-case hexadecimal')

/** Measurements that a platform has, and which of them must be named: of TDX firmware, kernel, and its command line. */
const PLATFORMS = {
  tdx: { names: /^(mrTd|rtMr[0-3])$/, least: ['mrTd', 'rtMr1', 'rtMr2'] },
  sgx: { names: /^(mrEnclave|mrSigner)$/, least: ['mrEnclave'] },
  nitro: { names: /^pcr\d{1,2}$/, least: ['pcr0'] },
} as const

const attestedPlatform = z
  .strictObject({
    for: z.enum(['tee', 'opengradient']).describe('the proof kind that it counts for'),
    platform: z.enum(['tdx', 'sgx', 'nitro']),
    root: digest.describe("SHA-256 of the vendor's root certificate, DER"),
    measurements: z.record(label, hex).describe('what the attested software must measure'),
    tcb: z
      .array(z.enum(['SWHardeningNeeded', 'ConfigurationNeeded', 'ConfigurationAndSWHardeningNeeded', 'OutOfDate']))
      .optional()
      .describe("states of Intel's firmware that are accepted besides UpToDate"),
    ...validity,
  })
  .superRefine(({ for: kind, platform, measurements, tcb }, { addIssue }) => {
    const { names, least } = PLATFORMS[platform]
    const refuse = (path: string, message: string) => addIssue({ code: 'custom', path: [path], message })
    const unknown = Object.keys(measurements).find(name => !names.test(name))
    if (unknown !== undefined) refuse('measurements', `${platform} has no ${unknown}`)
    const missing = least.find(name => !(name in measurements))
    if (missing !== undefined) refuse('measurements', `must name ${missing}: else any software would do`)
    if (platform === 'nitro' && tcb !== undefined) refuse('tcb', 'is of Intel platforms')
    if (kind === 'opengradient' && platform !== 'nitro') refuse('platform', 'an OpenGradient gateway runs on nitro')
  })

/** What an agent may do with a treasury, and on whose word. Everything that is not listed is refused. */
export const policy = z.strictObject({
  version: z.literal(1),
  name: label,
  chainId: count,
  safe: address,
  module: address,
  tokens: z
    .array(
      z.strictObject({
        symbol: label,
        address,
        decimals: count.max(36),
        usd: z.enum(['one', 'oracle']),
        shares: z
          .string()
          .regex(/^\w+\(address\)$/, 'must be like sharesOf(address)')
          .max(100)
          .optional()
          .describe(
            'of a token whose balances change by themselves: its function that tells a holding which its index does not change, sharesOf(address) of stETH, scaledBalanceOf(address) of an Aave token',
          ),
      }),
    )
    .min(1),
  uniswapV3: z.array(
    z.strictObject({
      ...{ router: address, pool: address, token0: address, token1: address, feePips: count },
      positions: address
        .optional()
        .describe(
          "Uniswap's NonfungiblePositionManager: liquidity of this pool, and of no other, may be added and removed",
        ),
    }),
  ),
  uniswapV2: z
    .array(z.strictObject({ router: address, pair: address, token0: address, token1: address }))
    .optional()
    .describe('pairs for swapV2'),
  calls: z
    .array(
      z.strictObject({
        to: address,
        function: z
          .string()
          .regex(/^\w+\((\w+(,\w+)*)?\)$/, 'must be like stake(uint256,address)')
          .max(200),
        recipientWord: z
          .int()
          .min(0)
          .max(16)
          .describe('which argument, from 1, is paid and must be the Safe or a recipient; 0: none'),
        maxValue: uintString.optional().describe('most wei that one call may carry; absent: none'),
      }),
    )
    .optional()
    .describe('calls beyond the known protocols, each by target and function'),
  weth: address.optional().describe('the listed token that wraps the native coin: wrap and unwrap are allowed'),
  recipients: z.array(address).describe('addresses besides the Safe that may receive a transfer'),
  limits: z.strictObject({
    perTradeUsd: usd,
    rollingUsd: usd,
    rollingSeconds: count,
    tradesPerHour: count,
    cooldownSeconds: count,
    maxSlippageBps: bps.describe('worst price of a trade against the oracle, pool fee included'),
    maxDrawdownBps: bps.describe('fall of the treasury below its highest value since the run began'),
    maxConsecutiveFailures: count,
    failureSeconds: count.optional().describe('how long a failure counts; default 7 days'),
    drawdownSeconds: count.optional().describe('how long a highest value counts; default 30 days'),
    brakesFromSeconds: count
      .optional()
      .describe("time, seconds: what came before counts no more for drawdown and failures. The owners' reset"),
    maxValiditySeconds: count,
    maxPriceImpactBps: bps.optional().describe('most that a trade may move the price against itself, pool fee aside'),
    gas: z
      .strictObject({
        perTransactionWei: uintString.describe('most that one transaction may cost, its replacements included'),
        perDayWei: uintString.describe('most that all may cost in any 24 hours'),
      })
      .optional()
      .describe('what the executor may pay for gas, in wei; default 0.1 native coins for one, 1 in a day'),
    tokens: z
      .record(label, z.strictObject({ perTrade: uintString.optional(), rolling: uintString.optional() }))
      .optional()
      .describe('by symbol, base units: what one trade, and all in rollingSeconds, may send out'),
  }),
  verifiers: z
    .array(z.strictObject({ aboveUsd: usd, threshold: z.int().min(1).max(64) }))
    .optional()
    .describe('value at risk above which so many verifiers must sign; the module must demand it'),
  exits: z
    .array(
      z.strictObject({
        intent: z.enum(['swap', 'swapV2', 'removeLiquidity', 'collectFees', 'wrap', 'unwrap']),
        sell: label.optional(),
        buy: label.optional(),
      }),
    )
    .optional()
    .describe(
      'pre-approved ways out: free of limits on size, frequency, drawdown and failures, and of approvals; price, proofs and bounds hold',
    ),
  observation: z.strictObject({
    maxAgeSeconds: count,
    toleranceTicks: count.describe("difference allowed between a bar and the verifier's own; 1 tick = 0.01 %"),
  }),
  proofs: z.array(proofBand).min(1),
  attestations: z
    .array(attestedPlatform)
    .optional()
    .describe(
      'platforms whose attestations count, for the kinds tee and opengradient; none: these kinds prove nothing',
    ),
  approvals: z.strictObject({
    aboveUsd: usd.nullable(),
    approvers: z.array(address),
    threshold: count,
    validitySeconds: z
      .int()
      .min(1)
      .max(MOST_APPROVAL_SECONDS)
      .optional()
      .describe(
        'how long people have: so long a proposal is valid that they must approve, its calls and bounds unchanged; default 8 hours',
      ),
  }),
  witnesses: z
    .strictObject({
      aboveUsd: usd.describe('value at risk above which the log must be cosigned'),
      threshold: z.int().min(1),
      keys: z
        .array(
          z.union([
            witnessVkey,
            z.strictObject({ anyOf: z.array(z.strictObject({ vkey: witnessVkey, ...validity })).min(1) }),
          ]),
        )
        .min(1)
        .describe('verification keys of witnesses; anyOf: those of one witness, while it changes its key'),
    })
    .refine(w => w.threshold <= new Set(w.keys).size, 'the threshold exceeds the number of keys')
    .optional()
    .describe('cosignatures that the checkpoint must carry'),
  onUnexplained: z
    .enum(['alert', 'pause'])
    .optional()
    .describe('what a watching verifier does when the treasury changes without a reason in the log; default alert'),
  identities: z.strictObject({
    log: z.array(z.strictObject({ vkey: label, ...validity })),
    agents: z.array(z.strictObject({ publicKey: ed25519Key, ...validity })),
    strategies: z.array(z.strictObject({ digest, params: digest, ...validity })),
    models: z.array(z.strictObject({ digest, numeric: label, ...validity })),
    workers: z.array(z.strictObject({ publicKey: ed25519Key, operator: label, ...validity })),
    executors: z.array(z.strictObject({ address, ...validity })),
  }),
})
export type Policy = z.infer<typeof policy>

/** The policy's digest: what the Safe's owners set in the module. */
export function policyDigest(document: Policy): string {
  return digestJson('policy', document)
}

/** Where a field of a document stands, for people: its file, and the line where that is known. */
export type PlaceOf = (path: readonly (string | number)[]) => string

/**
 * A policy from parsed YAML or JSON; addresses may carry their checksum. `where`: the file, or what tells a field's line.
 *
 * @throws BAD_CONFIG naming the field: of a wrong form, or one that cannot be meant beside the others
 */
export function parsePolicy(value: unknown, where: string | PlaceOf): Policy {
  const placeOf: PlaceOf = typeof where === 'string' ? () => where : where
  const parsed = policy.safeParse(lowerAddresses(value, placeOf([])))
  const [issue] = parsed.success
    ? policyFaults(parsed.data).map(({ path, reason }) => ({ path, message: reason }))
    : parsed.error.issues
  if (parsed.success && issue === undefined) return parsed.data
  const path = (issue?.path ?? []) as (string | number)[]
  throw new WarrantError(
    'BAD_CONFIG',
    `${placeOf(path)}: ${maskKeys(`${path.join('.') || '(root)'}: ${issue?.message}`)}`,
  )
}

/** Whether an identity is valid at a time. Bounds are inclusive. */
export function validAt(
  { fromMs, untilMs }: { fromMs?: number | undefined; untilMs?: number | undefined },
  atMs: number,
): boolean {
  return (fromMs === undefined || fromMs <= atMs) && (untilMs === undefined || atMs <= untilMs)
}

/** The sets of proof kinds that a value at risk demands, or null when no band covers it. */
export function proofSetsFor({ proofs }: Policy, valueUsd: number): string[][] | null {
  return proofs.find(band => band.upToUsd === null || valueUsd <= band.upToUsd)?.anyOf ?? null
}
