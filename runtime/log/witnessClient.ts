import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import { formatAddCheckpoint } from './createWitness.ts'

export type WitnessReply = { status: number; body: string }

/** Asks a witness to cosign a checkpoint. `proof`: consistency from `old`. @throws UNREACHABLE */
export async function askWitness(
  url: string,
  { old, proof, note }: { old: number; proof: readonly Uint8Array[]; note: string },
): Promise<WitnessReply> {
  try {
    const response = await fetch(`${url}/add-checkpoint`, {
      method: 'POST',
      body: formatAddCheckpoint(old, proof, note),
    })
    return { status: response.status, body: await response.text() }
  } catch (cause) {
    throw new WarrantError('UNREACHABLE', `no witness answers at ${url}: ${reasonOf(cause)}`, { cause, retry: 'safe' })
  }
}
