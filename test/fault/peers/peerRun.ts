import { join } from 'node:path'
import { keccak256 } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import type { LoggedProposal, LoggedVerdict } from '#runtime/chain/createPanel.ts'
import { executeCalldata } from '#runtime/chain/executor.ts'
import { ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import type { Cosigner } from '#runtime/log/cosigner.ts'
import { openLogFiles } from '#runtime/log/logFiles.ts'
import { type Log, openLog } from '#runtime/log/openLog.ts'
import { verifyLog } from '#verifier/audit/verifyLog.ts'
import { fromHex, toHex, utf8 } from '#verifier/evidence/bytes.ts'
import { digestBytes, digestJson, domainBytes } from '#verifier/evidence/digest.ts'
import { paramsDigest } from '#verifier/evidence/paramsText.ts'
import type { Appender, RunLog } from '#verifier/evidence/ports/log.ts'
import { proposalDigest } from '#verifier/evidence/proposalDigest.ts'
import { type AnyRecord, decodeRecord } from '#verifier/evidence/record.ts'
import type { Proposal } from '#verifier/evidence/records/proposal.ts'
import { parseVkey } from '#verifier/log/signedNote.ts'

export const PEER_ORIGIN = 'peers.example/log'
export const PEER_SEED = new Uint8Array(32).fill(31)
const signer = ed25519Signer(PEER_SEED)
export const WORKER = ed25519Signer(new Uint8Array(32).fill(32))
const executor = privateKeyToAccount(`0x${'33'.repeat(32)}`)
const SAFE = `0x${'a1'.repeat(20)}`
const MODULE = `0x${'a2'.repeat(20)}`
const TOKEN = `0x${'a3'.repeat(20)}`
const CHAIN_ID = 31_337
const BLOCK = { blockNumber: 7, blockHash: `0x${'77'.repeat(32)}`, timestamp: 1, reads: [] }
type Token = { symbol: string; address: string; decimals: number }

/** A run in a log of its own, as an agent keeps it, and the steps that peers are asked about. */
export type PeerRun = {
  log: Log
  run: RunLog
  verifier: Appender
  propose(): LoggedProposal
  /** The proposal's transaction, approved by these verdicts. */
  submit(proposal: LoggedProposal, verdicts: readonly LoggedVerdict[]): Promise<string>
  records(): Promise<AnyRecord[]>
  /** Closes run and log; what a stranger finds wrong with it. */
  verified(): Promise<string[]>
}

/** Opens one for verifiers by their addresses. */
export async function openPeerRun(
  dir: string,
  verifiers: readonly string[],
  cosigner: Cosigner | null = null,
): Promise<PeerRun> {
  const log = openLog({
    dir: join(dir, 'log'),
    origin: PEER_ORIGIN,
    signer,
    clock: { nowMs: () => Date.now() },
    cosigner,
  })
  const run = log.startRun(signer)
  const [runtime, market, agent, executing, verifier] = (
    ['runtime', 'market', 'agent', 'executor', 'verifier'] as const
  ).map(run.appender) as [Appender, Appender, Appender, Appender, Appender]
  const bundle = utf8('the strategy')
  const digest = digestBytes('strategy', bundle, nodeCrypto)
  const params = paramsDigest('{}')
  const policy = { chainId: CHAIN_ID, safe: SAFE, module: MODULE }
  const [base, quote] = ['B', 'A'].map(symbol => ({ symbol, address: TOKEN, decimals: 18 })) as [Token, Token]
  runtime.append('run', {
    ...{ mode: 'live', seed: '1', agent: 'agent-1', config: {}, models: [], previous: log.lastRun() },
    market: {
      ...{ source: 's', digest: '00'.repeat(32), simulated: true, pair: { base, quote } },
      ...{ intervalSeconds: 60, window: 1 },
    },
    chain: {
      ...{ chainId: CHAIN_ID, safe: SAFE, module: MODULE, guard: null, router: TOKEN, tokens: [base, quote] },
      pool: { address: TOKEN, token0: TOKEN, token1: TOKEN, feePips: 500 },
    },
    software: { name: 'warrant', version: '1', digest: '00'.repeat(32) },
    policy: { digest: digestJson('policy', policy), document: policy },
    strategy: { name: 's', version: '1', digest, bundle: log.putBlob(bundle), params: '{}', paramsDigest: params },
    keys: {
      log: log.vkey,
      agent: signer.publicKeyHex,
      workers: [{ id: 'w1', operator: 'o1', publicKey: WORKER.publicKeyHex }],
      verifiers: [...verifiers],
      executor: executor.address.toLowerCase(),
    },
  })
  let tick = 0

  function propose() {
    const bars = { timeSeconds: [], open: [], high: [], low: [], close: [] }
    const view = { tick, timeMs: Date.now(), intervalSeconds: 60, bars, balances: {} }
    const seen = market.append('observation', { view, provenance: { market: { source: 's' }, chain: BLOCK } })
    const decision = agent.append(
      'decision',
      {
        ...{ agent: 'agent-1', tick, observation: seen.leafHash, strategy: digest, params, doors: [] },
        result: {
          type: 'intents',
          intents: [{ type: 'swap', sell: 'A', buy: 'B', amountIn: '1', minBuy: '1' }],
          reason: 'because',
        },
      },
      [seen.leafHash],
    )
    const unsigned: Proposal = {
      ...{ agent: 'agent-1', decision: decision.leafHash, chainId: 31_337, safe: SAFE, module: MODULE },
      ...{ nonce: String(tick), calls: [{ to: TOKEN, value: '0', data: '0x' }] },
      bounds: [{ kind: 0, target: TOKEN, id: '0', limit: '0' }],
      ...{ policyDigest: digestJson('policy', policy), executor: executor.address.toLowerCase() },
      ...{ validUntil: Math.floor(Date.now() / 1_000) + 600, signature: '' },
    }
    const signature = toHex(signer.sign(domainBytes('proposal', fromHex(proposalDigest(unsigned)))))
    const body = { ...unsigned, signature }
    tick++
    return { leafHash: agent.append('proposal', body, [decision.leafHash]).leafHash, body }
  }

  return {
    log,
    run,
    verifier,
    propose,
    async submit(proposal, verdicts) {
      const bodies = verdicts.map(({ body }) => body)
      const data = executeCalldata(proposal.body, bodies, [])
      const leaves = verdicts.map(({ leafHash }) => leafHash)
      const raw = await executor.signTransaction({
        ...{ type: 'eip1559', chainId: 31_337, nonce: 0, to: MODULE as `0x${string}`, data, gas: 100_000n },
        ...{ maxFeePerGas: 1n, maxPriorityFeePerGas: 1n },
      })
      const body = {
        ...{ proposal: proposal.leafHash, verdicts: leaves, from: executor.address.toLowerCase() },
        ...{ accountNonce: 0, transactionHash: keccak256(raw), rawTransaction: raw },
      }
      return executing.append('submission', body, [proposal.leafHash, ...leaves]).leafHash
    },
    async records() {
      return (await log.entries(0, log.size)).map(decodeRecord)
    },
    async verified() {
      runtime.append('close', { reason: 'done', decisions: tick, requests: 0 })
      await log.close()
      const key = parseVkey(nodeCrypto, log.vkey)
      const { findings } = await verifyLog({ files: openLogFiles(join(dir, 'log')), crypto: nodeCrypto, key })
      return findings.map(({ where, reason }) => `${where}: ${reason}`)
    },
  }
}
