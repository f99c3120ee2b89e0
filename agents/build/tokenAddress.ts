import { WarrantError } from '#verifier/evidence/error.ts'
import type { ChainIdentity } from '#verifier/evidence/records/run.ts'

/** The address of a listed token. @throws BAD_INPUT */
export function tokenAddress({ tokens }: ChainIdentity, symbol: string): string {
  const token = tokens.find(t => t.symbol === symbol)
  if (token === undefined) throw new WarrantError('BAD_INPUT', `the treasury lists no token ${symbol}`)
  return token.address
}
