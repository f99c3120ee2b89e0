import { WarrantError } from '#verifier/evidence/error.ts'
import type { Clock } from '#verifier/evidence/ports/clock.ts'

/** An agent by its key's SHA-256, and what it may ask for. Null: no limit. */
export type ApiKey = {
  agent: string
  sha256: string
  /** Requests within any minute, as a leaking bucket: bursts up to that many. */
  perMinute: number | null
  /** Requests since the gateway started. */
  budget: number | null
}

export type ApiKeys = {
  /** Takes one request from an agent's allowance. @throws RATE_LIMITED */
  spend(agent: string): void
}

/** Counts what agents ask for. */
export function createApiKeys(keys: readonly ApiKey[], clock: Clock): ApiKeys {
  const spent = new Map<string, { requests: number; level: number; atMs: number }>()
  return {
    spend(agent) {
      const key = keys.find(candidate => candidate.agent === agent)
      if (key === undefined) throw new WarrantError('UNAUTHORIZED', `no key of agent ${agent}`)
      const now = clock.nowMs()
      const used = spent.get(agent) ?? { requests: 0, level: 0, atMs: now }
      const { perMinute, budget } = key
      if (budget !== null && used.requests >= budget)
        throw new WarrantError('RATE_LIMITED', `agent ${agent} has used its budget of ${budget} requests`)
      if (perMinute !== null) {
        used.level = Math.max(0, used.level - ((now - used.atMs) * perMinute) / 60_000)
        if (used.level + 1 > perMinute)
          throw new WarrantError('RATE_LIMITED', `agent ${agent} may ask ${perMinute} times a minute`, {
            retry: 'safe',
          })
        used.level++
      }
      used.atMs = now
      used.requests++
      spent.set(agent, used)
    },
  }
}
