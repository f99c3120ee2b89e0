import { WarrantError } from '#verifier/evidence/error.ts'

/** Posts an alarm as JSON to a webhook. @throws UNREACHABLE */
export async function postAlarm(url: string, alarm: object): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(alarm),
    signal: AbortSignal.timeout(10_000),
  })
  if (!response.ok) throw new WarrantError('UNREACHABLE', `it answered ${response.status}`, { retry: 'safe' })
}
