import { callPeer } from '#runtime/api/callPeer.ts'
import { bearer, type VerifierAt } from '#runtime/api/verifierClient.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import { address } from '#verifier/evidence/primitives.ts'

/** How long a verifier has to say who it is. */
const MEET_MS = 10_000

/**
 * Who answers at the URLs of verifiers, as far as they answer: at least `threshold` different ones. The others are told, and
 * asked again with each proposal.
 *
 * @throws UNREACHABLE naming those that do not answer, when fewer are there
 */
export async function meetVerifiers(
  verifiers: readonly VerifierAt[],
  threshold: number,
  say: (line: string) => void,
): Promise<string[]> {
  const met = await Promise.allSettled(verifiers.map(addressOf))
  const addresses = [...new Set(met.flatMap(result => (result.status === 'fulfilled' ? [result.value] : [])))]
  const away = met.flatMap(result => (result.status === 'rejected' ? [reasonOf(result.reason)] : []))
  if (addresses.length < threshold)
    throw new WarrantError(
      'UNREACHABLE',
      `${addresses.length} of the ${threshold} verifiers that it takes are there${away.length === 0 ? ': some URLs lead to the same one' : `: ${away.join('; ')}`}`,
      { retry: 'safe' },
    )
  for (const reason of away) say(`goes on without a verifier: ${reason}`)
  return addresses
}

async function addressOf({ url, token }: VerifierAt): Promise<string> {
  const call = { url: `${url}/v1/status`, who: 'verifier', withinMs: MEET_MS, mostBytes: 10_000 }
  const { text } = await callPeer({ ...call, headers: bearer(token) })
  try {
    return address.parse((JSON.parse(text) as { address?: unknown }).address)
  } catch (cause) {
    throw new WarrantError('UNREACHABLE', `what answers at ${new URL(url).origin} is no verifier`, { cause })
  }
}
