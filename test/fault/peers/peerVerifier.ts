import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { privateKeyToAccount } from 'viem/accounts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { reportHash } from '#verifier/audit/rules/report.ts'
import { fromBase64, toBase64, toHex, utf8 } from '#verifier/evidence/bytes.ts'
import { proposalDigest } from '#verifier/evidence/proposalDigest.ts'
import { type AnyRecord, decodeRecord } from '#verifier/evidence/record.ts'
import { CHECK_IDS, type Verdict } from '#verifier/evidence/records/verdict.ts'
import { VERDICT_TYPES, verdictDomain, verdictMessage } from '#verifier/evidence/verdictTypes.ts'
import { encodeFacts } from '#verifier/judge/facts.ts'
import { hashLeaf } from '#verifier/log/merkle.ts'

/** How a verifier behaves towards the agent. */
export const MANNERS = [
  'honest',
  'denies',
  'silent',
  'slow',
  'trickles',
  'closes',
  'unsigned',
  'other signer',
  'other proposal',
  'copies',
  'no json',
  'wrong shape',
  'endless',
  'halts',
  'redirects',
  'surrogate',
  'other facts',
  'no facts',
] as const
export type Manners = (typeof MANNERS)[number]

export type PeerVerifier = { url: string; address: string; manners: Manners; stop(): Promise<void> }

/** The key of a verifier by its number. */
export const verifierAccount = (n: number) => privateKeyToAccount(`0x${String(n + 1).padStart(64, '0')}`)

/** Facts about a proposal that say nothing, as bytes and as a verdict names them. */
function factsOf(proposal: string) {
  const bytes = encodeFacts({
    ...{
      version: 1,
      proposal,
      nowMs: 1,
      tookMicros: 1,
      head: { number: 7, hash: `0x${'77'.repeat(32)}`, timestamp: 1 },
    },
    log: { size: 1, fault: null, cosigned: [] },
    journal: { nonceSignedFor: null, maybeSigned: null, highestTreasuryUsd: 0 },
    ...{ proofs: [], market: { source: 'none' }, blocks: [], reads: [] },
  })
  return { sha256: toHex(nodeCrypto.sha256(bytes)), size: bytes.length, text: toBase64(bytes) }
}

/**
 * A verifier with a key of its own that speaks the protocol over a real socket, and answers in its manner. It audits
 * nothing: what it is for is how its words are received. `seen`: verdicts that others gave, for the one that copies.
 */
export async function startPeerVerifier(n: number, manners: Manners, seen: Verdict[] = []): Promise<PeerVerifier> {
  const account = verifierAccount(n)
  const address = account.address.toLowerCase()
  const entries: Uint8Array[] = []
  const byLeaf = new Map<string, AnyRecord>()
  const open = new Set<ServerResponse>()

  const signReport = async (domain: 'verdict-report' | 'outcome', unsigned: object) =>
    account.sign({ hash: reportHash(domain, unsigned) })

  async function verdictOn(leaf: string, answer: 'approve' | 'deny'): Promise<Verdict> {
    const proposal = byLeaf.get(leaf)
    if (proposal?.kind !== 'proposal') throw new Error('unknown proposal')
    const digest = proposalDigest(proposal.body)
    const until = { refBlock: 7, refBlockHash: `0x${'77'.repeat(32)}`, validUntil: proposal.body.validUntil }
    const signature =
      answer === 'deny'
        ? null
        : await account.signTypedData({
            domain: verdictDomain(proposal.body.chainId, proposal.body.module),
            types: VERDICT_TYPES,
            primaryType: 'Verdict',
            message: verdictMessage({ proposal: proposal.body, proposalDigest: digest, ...until }),
          })
    const detail = 'as it should be'
    const own = ([, { kind, body }]: [string, AnyRecord]) => kind === 'verdict' && (body as Verdict).signer === address
    const previous = [...byLeaf].findLast(own)?.[0] ?? null
    const checks = CHECK_IDS.map(id => ({
      ...{ id, ok: answer === 'approve', detail, assumptions: [] },
      rule: answer === 'approve' ? null : id,
    }))
    const { sha256, size } = factsOf(leaf)
    const unsigned = {
      ...{ proposal: leaf, proposalDigest: digest, answer, checks, simulation: null, valueAtRiskUsd: 1 },
      facts: { sha256, size },
      refTime: 1,
      ...{ checkpointSize: entries.length, previous, ...until, signer: address, signature },
    }
    return { ...unsigned, reportSignature: await signReport('verdict-report', unsigned) }
  }

  async function spoilt(leaf: string): Promise<unknown> {
    const honest = await verdictOn(leaf, manners === 'denies' ? 'deny' : 'approve')
    const proposals = [...byLeaf].flatMap(([hash, { kind }]) => (kind === 'proposal' ? [hash] : []))
    switch (manners) {
      case 'unsigned':
        return { ...honest, reportSignature: `0x${'00'.repeat(65)}` }
      case 'other signer':
        return { ...honest, signer: verifierAccount(90).address.toLowerCase() }
      case 'other proposal':
        return proposals.length > 1
          ? verdictOn(proposals.find(hash => hash !== leaf) as string, 'approve')
          : { ...honest, proposal: '00'.repeat(32) }
      case 'copies':
        return seen.at(-1) ?? { ...honest, signer: verifierAccount(90).address.toLowerCase() }
      case 'wrong shape':
        return { ...honest, checks: [{ id: 'log', ok: 'yes' }] }
      case 'surrogate':
        return { ...honest, checks: honest.checks.map(check => ({ ...check, detail: 'half \ud83d' })) }
      default:
        return honest
    }
  }

  async function outcomeOf(leaf: string): Promise<unknown> {
    const submission = byLeaf.get(leaf)
    if (submission?.kind !== 'submission') throw new Error('unknown submission')
    const { proposal, transactionHash } = submission.body
    const unsigned = {
      ...{ submission: leaf, proposal, transactionHash, status: 'success' as const, blockNumber: 8 },
      ...{ blockHash: `0x${'88'.repeat(32)}`, gasUsed: '1', gasCostWei: '1', changes: [], checks: [], signer: address },
    }
    const signature = await signReport('outcome', unsigned)
    if (manners === 'unsigned') return { ...unsigned, signature: `0x${'00'.repeat(65)}` }
    if (manners === 'other signer') return { ...unsigned, signature, signer: verifierAccount(90).address.toLowerCase() }
    if (manners === 'other proposal') return { ...unsigned, signature, submission: '00'.repeat(32) }
    return { ...unsigned, signature }
  }

  async function answer(path: string, body: Record<string, unknown>): Promise<unknown> {
    switch (path) {
      case '/v1/status':
        return { address, size: entries.length }
      case '/v1/log': {
        entries.length = Math.min(entries.length, body.from as number)
        for (const text of body.entries as string[]) {
          const entry = fromBase64(text)
          entries.push(entry)
          byLeaf.set(toHex(hashLeaf(nodeCrypto, entry)), decodeRecord(entry))
        }
        return { size: entries.length, root: '' }
      }
      case '/v1/verdicts': {
        const given = await spoilt(body.proposal as string)
        if (manners === 'honest') seen.push(given as Verdict)
        const { text } = factsOf(manners === 'other facts' ? '00'.repeat(32) : (body.proposal as string))
        return { verdict: given, facts: manners === 'no facts' ? toBase64(utf8('{}')) : text }
      }
      case '/v1/outcomes':
        return outcomeOf(body.submission as string)
      default:
        return []
    }
  }

  const server = createServer((request, response) => {
    open.add(response)
    response.on('close', () => open.delete(response))
    const parts: Buffer[] = []
    request.on('data', part => parts.push(part))
    request.on('end', async () => {
      const json = (value: unknown, status = 200) =>
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
      const path = request.url ?? ''
      if (manners === 'silent' || (manners === 'slow' && path === '/v1/verdicts')) return
      if (manners === 'closes') return void request.socket.destroy()
      if (manners === 'redirects') return void response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()
      if (manners === 'no json') return void response.writeHead(200).end('<html>\ud83d</html>')
      if (manners === 'halts') return void json({ code: 'LOG_HALTED', message: 'the log halted' }, 409)
      if (manners === 'trickles' || manners === 'endless') {
        response.writeHead(200, { 'content-type': 'application/json' })
        const piece = manners === 'endless' ? ' '.repeat(1 << 20) : ' '
        const timer = setInterval(() => response.write(piece), manners === 'endless' ? 1 : 20)
        return void response.on('close', () => clearInterval(timer))
      }
      try {
        json(await answer(path, parts.length === 0 ? {} : JSON.parse(Buffer.concat(parts).toString())))
      } catch (error) {
        json({ code: 'EVIDENCE_MISSING', message: (error as Error).message }, 409)
      }
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    address,
    manners,
    async stop() {
      for (const response of open) response.destroy()
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
