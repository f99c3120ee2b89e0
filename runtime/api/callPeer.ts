import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'

export type CallParameters = {
  url: string
  /** What answers there, in words. */
  who: string
  method?: 'GET' | 'POST'
  headers?: Record<string, string>
  body?: string
  /** After that the peer counts as silent, however much of an answer has come. */
  withinMs: number
  /** Bytes of an answer that are read; a longer one is refused. */
  mostBytes: number
}

/** `retryAfterMs`: when it says to ask again; null: it says nothing. */
export type PeerAnswer = { status: number; text: string; retryAfterMs: number | null }

/**
 * Calls another process over HTTP: bounded in time and size, without redirects.
 *
 * @throws UNREACHABLE when it does not answer, or not in time; REFUSED when it answers too much
 */
export async function callPeer(parameters: CallParameters): Promise<PeerAnswer> {
  const { url, who, method = 'GET', headers = {}, body, withinMs, mostBytes } = parameters
  const signal = AbortSignal.timeout(withinMs)
  const { origin } = new URL(url)
  try {
    const response = await fetch(url, {
      method,
      headers,
      redirect: 'error',
      signal,
      ...(body === undefined ? {} : { body }),
    })
    const parts: Uint8Array[] = []
    let bytes = 0
    for await (const part of response.body ?? []) {
      bytes += part.length
      if (bytes > mostBytes)
        throw new WarrantError('REFUSED', `${who} at ${origin} answers with more than ${mostBytes} bytes`)
      parts.push(part)
    }
    const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN)
    return {
      status: response.status,
      text: Buffer.concat(parts).toString('utf8'),
      retryAfterMs: Number.isFinite(retryAfter) ? 1_000 * Math.max(0, retryAfter) : null,
    }
  } catch (cause) {
    if (cause instanceof WarrantError) throw cause
    const why = signal.aborted ? `no answer within ${withinMs} ms` : reasonOf((cause as Error).cause ?? cause)
    throw new WarrantError('UNREACHABLE', `no ${who} answers at ${origin}: ${why}`, { cause, retry: 'safe' })
  }
}
