import { decodeFunctionData, encodeFunctionData, parseAbi, toFunctionSelector } from 'viem'
import { proposalDigest } from '#verifier/evidence/proposalDigest.ts'
import type { Proposal } from '#verifier/evidence/records/proposal.ts'
import { readTransaction } from '#verifier/evidence/transaction.ts'
import { VERDICT_TYPES, type VerdictMessage, verdictMessage } from '#verifier/evidence/verdictTypes.ts'

type Hex = `0x${string}`

/** The one door of WarrantModule, read apart from what encodes it (runtime/chain). */
const EXECUTE = parseAbi([
  'struct Call { address to; uint256 value; bytes data; }',
  'struct Bound { uint8 kind; address target; uint256 id; int256 limit; }',
  'struct Verdict { address safe; uint256 nonce; Call[] calls; Bound[] bounds; bytes32 proposalDigest; bytes32 policyDigest; address executor; uint64 refBlock; bytes32 refBlockHash; uint64 validUntil; }',
  'struct Approvals { uint64 validUntil; bytes[] signatures; }',
  'function execute(Verdict verdict, bytes[] signatures, Approvals approvals)',
])

/** Selector of `execute`. */
export const EXECUTE_SELECTOR = toFunctionSelector(EXECUTE[0])

/** What a call of `execute` says: what the module does, and who allowed it. */
export type ExecutedInput = { verdict: VerdictMessage; signatures: readonly Hex[]; approvals: readonly Hex[] }

/**
 * Reads the input of a call to WarrantModule's `execute`.
 *
 * @param input lower-case hexadecimal, the selector first
 * @returns null for another function, and for every encoding but the canonical one: only that reads alike everywhere
 * @example decodeExecuted(transaction.input)?.verdict.calls
 */
export function decodeExecuted(input: string): ExecutedInput | null {
  try {
    const { args } = decodeFunctionData({ abi: EXECUTE, data: input as Hex })
    const again = encodeFunctionData({ abi: EXECUTE, functionName: 'execute', args })
    if (again !== input) return null
    const [{ refBlock, validUntil, ...verdict }, signatures, approvals] = args
    return {
      verdict: {
        ...verdict,
        calls: [...verdict.calls],
        bounds: [...verdict.bounds],
        refBlock,
        validUntil,
      },
      signatures,
      approvals: approvals.signatures,
    }
  } catch {
    return null
  }
}

/** The block that verifiers judged on, and how long they signed, as their verdicts say. */
export type Reference = { refBlock: number; refBlockHash: string; validUntil: number }

/**
 * How what is executed differs from a proposal: every field, call by call, bound by bound.
 *
 * @param reference null: not compared, but that nothing was executed under a later deadline than the proposal's
 * @returns the first difference in words, or null
 * @example executedDifference(decoded, proposal, null) // 'calls.1.data is 0x…, the proposal says 0x…'
 */
export function executedDifference(
  { verdict }: Pick<ExecutedInput, 'verdict'>,
  proposal: Proposal,
  reference: Reference | null,
): string | null {
  const { refBlock, refBlockHash, validUntil } = reference ?? {
    refBlock: Number(verdict.refBlock),
    refBlockHash: verdict.refBlockHash,
    validUntil: Math.min(Number(verdict.validUntil), proposal.validUntil),
  }
  const digest = proposalDigest(proposal)
  const expected = verdictMessage({ proposal, proposalDigest: digest, refBlock, refBlockHash, validUntil })
  return difference('Verdict', verdict, expected, '')
}

/** What a logged transaction must be: of this proposal, under these verdicts and no other signatures. */
export type SubmittedParameters = {
  /** The signed transaction. */
  rawTransaction: string
  proposal: Proposal
  verdicts: readonly (Reference & { signer: string; signature: string | null })[]
  /** Signatures of the logged approvals of the proposal. */
  approvals: readonly string[]
}

/**
 * Whether a signed transaction does what the log says that it does: offline, from its own bytes (evidence.md §7).
 *
 * @returns the first difference in words, or null
 * @throws EVIDENCE_MALFORMED for bytes that are no transaction
 */
export function submittedDifference(parameters: SubmittedParameters): string | null {
  const { proposal, verdicts, approvals } = parameters
  const { to, chainId, value, data } = readTransaction(parameters.rawTransaction)
  if (to !== proposal.module) return `goes to ${to}, the proposal's module is ${proposal.module}`
  if (chainId !== proposal.chainId) return `is for chain ${chainId}, the proposal for ${proposal.chainId}`
  if (value !== 0n) return `carries ${value} wei`
  const executed = decodeExecuted(data)
  if (executed === null) return 'is no call of execute, or not in its canonical encoding'
  for (const verdict of verdicts) {
    const other = executedDifference(executed, proposal, verdict)
    if (other !== null) return other
  }
  const signed = [...verdicts].sort((a, b) => (a.signer < b.signer ? -1 : 1)).map(({ signature }) => signature)
  if (signed.join() !== executed.signatures.join()) return 'carries other signatures than those of its verdicts'
  const unknown = executed.approvals.find(approval => !approvals.includes(approval))
  return unknown === undefined ? null : `carries an approval that is not on record: ${unknown}`
}

type StructName = keyof typeof VERDICT_TYPES

/** Field by field, as the signed types list them, so that a field that they gain is compared as well. */
function difference(struct: StructName, actual: unknown, expected: unknown, path: string): string | null {
  for (const { name, type } of VERDICT_TYPES[struct]) {
    const [a, b] = [actual, expected].map(of => (of as Record<string, unknown>)[name])
    const found = type.endsWith('[]')
      ? listDifference(type.slice(0, -2) as StructName, a as unknown[], b as unknown[], `${path}${name}`)
      : String(a).toLowerCase() === String(b).toLowerCase()
        ? null
        : `${path}${name} is ${a}, the proposal says ${b}`
    if (found !== null) return found
  }
  return null
}

function listDifference(struct: StructName, actual: unknown[], expected: unknown[], path: string): string | null {
  if (actual.length !== expected.length)
    return `${path}: ${actual.length} of them, the proposal says ${expected.length}`
  for (const [i, item] of actual.entries()) {
    const found = difference(struct, item, expected[i], `${path}.${i}.`)
    if (found !== null) return found
  }
  return null
}
