import type { Ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import type { Log } from '#runtime/log/openLog.ts'
import { digestJson } from '#verifier/evidence/digest.ts'

const policy = { gateway: 'small' }

/** A whole run that asks nothing, by an agent's key: what a log holds between two keys. Returns its id. */
export async function smallRun(log: Log, agent: Ed25519Signer, { closed = true } = {}): Promise<string> {
  const run = log.startRun(agent)
  const runtime = run.appender('runtime')
  await runtime.append('run', {
    ...{ mode: 'gateway', seed: 'none', agent: 'gateway', config: {}, models: [], previous: log.lastRun() },
    software: { name: 'warrant', version: '1', digest: '00'.repeat(32) },
    policy: { digest: digestJson('policy', policy), document: policy },
    ...{ strategy: null, market: null, chain: null },
    keys: { log: log.vkey, agent: agent.publicKeyHex, workers: [], verifiers: [], executor: null },
  }).durable
  if (closed) await runtime.append('close', { reason: 'done', decisions: 0, requests: 0 }).durable
  return run.runId
}
