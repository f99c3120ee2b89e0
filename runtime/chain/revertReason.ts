import { type Abi, BaseError, decodeErrorResult, type Hex } from 'viem'
import { reasonOf } from '#verifier/evidence/error.ts'

/** A revert's custom error with its arguments, as text; the plain message when the ABI does not know it. */
export function revertReason(error: unknown, abi: Abi | readonly unknown[]): string {
  const data = revertData(error)
  if (data === null) return reasonOf(error)
  try {
    const { errorName, args = [] } = decodeErrorResult({ abi: abi as Abi, data })
    return `${errorName}(${(args as readonly unknown[]).map(String).join(', ')})`
  } catch {
    return `${reasonOf(error)} (${data.slice(0, 74)})`
  }
}

function revertData(error: unknown): Hex | null {
  if (!(error instanceof BaseError)) return null
  const carrier = error.walk(cause => typeof (cause as { data?: unknown }).data === 'string') as { data?: Hex } | null
  return carrier?.data ?? null
}
