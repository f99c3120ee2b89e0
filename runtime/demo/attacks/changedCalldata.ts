import { randomBytes } from 'node:crypto'
import { privateKeyToAccount } from 'viem/accounts'
import { buildProposal } from '#agents/build/buildProposal.ts'
import { bearer } from '#runtime/api/verifierClient.ts'
import { createChainPort } from '#runtime/chain/createChainPort.ts'
import { executeCalldata } from '#runtime/chain/executor.ts'
import { ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { appendMessage } from '#runtime/log/serveLog.ts'
import { fromHex, toHex } from '#verifier/evidence/bytes.ts'
import { domainBytes } from '#verifier/evidence/digest.ts'
import { proposalDigest } from '#verifier/evidence/proposalDigest.ts'
import type { Decision } from '#verifier/evidence/records/decision.ts'
import type { Proposal } from '#verifier/evidence/records/proposal.ts'
import type { ChainIdentity } from '#verifier/evidence/records/run.ts'
import type { Verdict } from '#verifier/evidence/records/verdict.ts'
import { readPublicLog } from './publicLog.ts'
import { type SentToModule, sendToModule } from './sendToModule.ts'

export type ChangedCalldataHolds = {
  agentSeed: string
  /** Whose decision it prefers to abuse. */
  runId: string
  ethKey: string
  logUrl: string
  verifierUrl: string
  /** Stands on the agent's host, as its key does. */
  verifierToken: string | null
  rpc: string
  chain: ChainIdentity
  policyDigest: string
  executor: string
  validUntil: number
}
export type ChangedCalldataDid = {
  proposal: { leafHash: string; body: Proposal }
  verdict: Verdict
  sent: SentToModule
}

/**
 * Holds the agent's key. Takes a real decision from the log, builds its proposal, lets the swap pay the attacker, signs
 * it, logs it, asks for a verdict; denied, it sends the calls to the module without one.
 */
export async function changedCalldata(holds: ChangedCalldataHolds): Promise<ChangedCalldataDid> {
  const signer = ed25519Signer(Buffer.from(holds.agentSeed, 'hex'))
  const before = await readPublicLog(holds.logUrl)
  const asking = before.records.filter(
    ({ record }) => record.kind === 'decision' && record.body.result.type === 'intents',
  )
  const decision = asking.findLast(({ record }) => record.runId === holds.runId) ?? asking.at(-1)
  if (decision === undefined) throw new Error('there is no decision with intents to abuse')
  const { agent, result } = decision.record.body as Decision
  const thief = privateKeyToAccount(holds.ethKey as `0x${string}`).address.toLowerCase()
  const honest = buildProposal({
    agent,
    decision: decision.leafHash,
    intents: result.type === 'intents' ? result.intents : [],
    chain: holds.chain,
    nonce: BigInt(`0x${randomBytes(16).toString('hex')}`),
    policyDigest: holds.policyDigest,
    executor: holds.executor,
    validUntil: holds.validUntil,
    sign: signer.sign,
  })
  const calls = honest.calls.map(call => ({
    ...call,
    data: call.data.replaceAll(holds.chain.safe.slice(2), thief.slice(2)),
  }))
  const changed = { ...honest, calls }
  const body: Proposal = {
    ...changed,
    signature: toHex(signer.sign(domainBytes('proposal', fromHex(proposalDigest(changed))))),
  }

  const step = { runId: holds.runId, actor: 'agent', key: 'changed' }
  const part = { ...step, kind: 'proposal', body, parents: [honest.decision] }
  const appended = await post<{ leafHash: string }>(`${holds.logUrl}/v1/append`, {
    ...part,
    signature: toHex(signer.sign(appendMessage(part))),
  })
  const { size } = (await (await fetch(`${holds.verifierUrl}/v1/status`)).json()) as { size: number }
  const { note, entries } = await readPublicLog(holds.logUrl)
  await post(
    `${holds.verifierUrl}/v1/log`,
    { note, from: size, entries: entries.slice(size), blobs: [] },
    holds.verifierToken,
  )
  const { verdict } = await post<{ verdict: Verdict }>(
    `${holds.verifierUrl}/v1/verdicts`,
    { proposal: appended.leafHash },
    holds.verifierToken,
  )

  // No signature to present: the same calls, itself as executor.
  const bare = { ...body, executor: thief }
  const chain = createChainPort(holds.rpc)
  const refBlock = (await chain.head()).number - 1
  const refBlockHash = (await chain.block(refBlock))?.hash ?? ''
  const data = executeCalldata(bare, [{ ...verdict, refBlock, refBlockHash, signature: null }])
  const sent = await sendToModule({
    rpc: holds.rpc,
    chainId: holds.chain.chainId,
    module: holds.chain.module,
    key: holds.ethKey,
    data,
  })
  return { proposal: { leafHash: appended.leafHash, body }, verdict, sent }
}

async function post<T>(url: string, body: unknown, token: string | null = null): Promise<T> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...bearer(token) },
    body: JSON.stringify(body),
  })
  if (!response.ok) throw new Error(`${url}: ${await response.text()}`)
  return (await response.json()) as T
}
