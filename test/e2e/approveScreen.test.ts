import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Hex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { buildProposal } from '#agents/build/buildProposal.ts'
import { type ApprovalRequest, createApprovalDesk } from '#runtime/chain/approvalDesk.ts'
import { packageArtifact } from '#runtime/chain/artifacts.ts'
import { createChainPort } from '#runtime/chain/createChainPort.ts'
import { createSafe, deploySafeContracts } from '#runtime/chain/devnet/deploySafe.ts'
import { createDevClient } from '#runtime/chain/devnet/devClient.ts'
import { type Anvil, startAnvil } from '#runtime/chain/devnet/startAnvil.ts'
import { approvalScreen } from '#runtime/cli/lib/approvalScreen.ts'
import { ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { demoPolicy } from '#runtime/demo/demoPolicy.ts'
import { openLog } from '#runtime/log/openLog.ts'
import { proposalDigest } from '#verifier/evidence/proposalDigest.ts'
import type { Approval } from '#verifier/evidence/records/approval.ts'
import type { Intent } from '#verifier/evidence/records/decision.ts'
import type { Proposal } from '#verifier/evidence/records/proposal.ts'
import { type Policy, policyDigest } from '#verifier/policy/policy.ts'
import { commandHere } from '../support/commandHere.ts'
import { HOSTILE, SPOKEN } from '../support/hostileLog.ts'

// What a treasurer reads before signing, and what becomes of the answer: real files, a real chain, a real Safe.
const dir = mkdtempSync(join(tmpdir(), 'warrant-approve-screen-'))
const KEY: Hex = `0x${'5a'.repeat(32)}`
const me = privateKeyToAccount(KEY)
const at = (digit: string) => `0x${digit.repeat(40)}`
const chain = {
  ...{ chainId: 31_337, safe: at('3'), module: at('4'), guard: at('5'), router: at('6') },
  pool: { address: at('7'), token0: at('1'), token1: at('2'), feePips: 500 },
  tokens: [
    { symbol: 'USDC', address: at('1'), decimals: 6 },
    { symbol: 'WETH', address: at('2'), decimals: 18 },
  ],
}
const DEADLINE = 2_000_000_000
let anvil: Anvil
let safe: Hex
let signer = { url: '', bend: (signature: string) => signature }

const policyFor = (approvers: string[]) => ({
  ...demoPolicy({
    ...{ chain, logKey: 'log+00+00', agentKey: 'ab'.repeat(32), executor: at('8') },
    ...{ strategies: [], models: [], workers: [] },
  }),
  recipients: [at('9')],
  approvals: { aboveUsd: 100, approvers, threshold: 1 },
})
let policy: ReturnType<typeof policyFor>
const SWAP: Intent[] = [
  { type: 'swap', sell: 'USDC', buy: 'WETH', amountIn: '60000000000', minBuy: '28900000000000000001' },
]

/** A request in a folder of its own, as the desk writes it. */
function requestFor(
  name: string,
  { intents = SWAP, reason = 'momentum is up', bend = (value: object): object => value } = {},
) {
  const proposal = buildProposal({
    ...{ agent: HOSTILE, decision: 'cd'.repeat(32), intents, chain, nonce: 7n, policyDigest: policyDigest(policy) },
    ...{ executor: at('8'), validUntil: DEADLINE, sign: ed25519Signer(new Uint8Array(32).fill(1)).sign },
  })
  const request = { v: 2, kind: 'warrant-approval-request', leafHash: 'ef'.repeat(32), proposal, policy }
  const folder = join(dir, name)
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `${proposalDigest(proposal)}.json`)
  writeFileSync(file, JSON.stringify(bend({ ...request, oracleTick: 200_000, reason })))
  return { file, folder, request, proposal }
}
/** What desks have refused so far, by folder. */
const refusals = new Map<string, string[]>()
const saidBy = (folder: string) => refusals.get(folder) ?? []

/** What a desk over the folder takes, and what it refuses; until there is an answer, or as many refusals. */
async function asked(
  folder: string,
  { leafHash }: { leafHash: string },
  proposal: Proposal,
  mostRefusals = 100,
): Promise<[Approval[], string[]]> {
  const refused: string[] = []
  refusals.set(folder, refused)
  const log = openLog({
    ...{ dir: mkdtempSync(join(dir, 'log-')), origin: 'desk.example/log', clock: { nowMs: () => Date.now() } },
    signer: ed25519Signer(new Uint8Array(32).fill(2)),
  })
  const port = createChainPort(anvil.url)
  const desk = createApprovalDesk({
    ...{ dir: folder, policy, log: log.startRun().appender('approver') },
    chain: {
      ...port,
      // Time is up once it has refused enough.
      head: async () => ({
        ...(await port.head()),
        ...(refused.length >= mostRefusals ? { timestamp: DEADLINE } : {}),
      }),
    },
    say: line => {
      if (line.includes('.json: ')) refused.push(line)
    },
  })
  const asked = { leafHash, proposal, oracleTick: null, reason: 'x' }
  const { answers: given } = await desk.gather(asked, { untilSeconds: DEADLINE })
  await log.close()
  return [[...given], refused]
}

/** The module of the requests, as far as this command asks it: which policy is in force. */
async function moduleSays(digest: string): Promise<void> {
  const code = `0x7f${digest}5f5260205ff3`
  await fetch(anvil.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'anvil_setCode', params: [chain.module, code] }),
  })
}

const answers = (folder: string) => readdirSync(folder).filter(name => name.includes('.0x'))

beforeAll(async () => {
  anvil = await startAnvil({ chainId: 31_337, startSeconds: 1_700_000_000 })
  const client = createDevClient(anvil.url, 31_337)
  await client.setBalance(me.address, 10n ** 20n)
  const contracts = await deploySafeContracts(client, me)
  const handler = '@safe-global/safe-smart-account/build/artifacts/contracts/handler/CompatibilityFallbackHandler.sol'
  const fallbackHandler = await client.deploy(me, packageArtifact(`${handler}/CompatibilityFallbackHandler.json`), [])
  safe = await createSafe(client, me, contracts, { owners: [me.address], threshold: 1, salt: 1n, fallbackHandler })
  policy = policyFor([me.address.toLowerCase(), safe])
  writeFileSync(join(dir, 'me.key'), KEY)
  writeFileSync(join(dir, 'policy.yaml'), JSON.stringify(policy))
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', chunk => {
      body += chunk
    })
    request.on('end', async () => {
      const typed = JSON.parse(JSON.parse(body).params[1])
      response.end(JSON.stringify({ result: signer.bend(await me.signTypedData(typed)) }))
    })
  })
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  signer.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/#${me.address}`
  return () => void server.close()
}, 120_000)
beforeEach(() => {
  signer = { ...signer, bend: signature => signature }
})
afterAll(async () => {
  await anvil.stop()
  rmSync(dir, { recursive: true })
})
const approve = (file: string, ...more: string[]) => commandHere(['approve', file, ...more])
const withKey = ['--key', join(dir, 'me.key'), '--yes']

describe('the screen', () => {
  test('says in tokens, prices and times what happens, who gets what, and the bytes; the agent has the last word', async () => {
    const { file } = requestFor('words', { reason: HOSTILE })
    const { stdout, status } = await approve(file, ...withKey, '--policy', join(dir, 'policy.yaml'))
    expect(status).toBe(0)
    for (const line of [
      "at risk     60,000 USD, at the agent's price",
      "  1. let 0x6666666666666666666666666666666666666666 (Uniswap v3's router) take 60,000 USDC",
      '  2. swap 60,000 USDC for at least 28.900000000000000001 WETH, paid to 0x3333333333333333333333333333333333333333 (the Safe)',
      '       price: 1 WETH for at most 2,076.124568 USDC',
      "       slippage: at the worst 0.62 % below the agent's price of 2,063.22 USD (the policy allows 1 %, fee included)",
      '     0x3333333333333333333333333333333333333333 (the Safe): at least 28.900000000000000001 WETH (call 2)',
      '     at most 60,000 USDC may leave',
      '     at least 28.900000000000000001 WETH must come',
      '     not included: the executor 0x8888888888888888888888888888888888888888 (an executor) pays it, not the treasury',
      'selector 0x414bf389 exactInputSingle',
      'amountIn=60000000000',
      'deadline    2033-05-18 03:33:20 UTC',
    ])
      expect(stdout).toContain(line)
    expect(stdout).not.toContain('CAUTION')
    // Nothing of what the agent wrote speaks, and all of it stands behind its heading.
    expect(stdout).not.toMatch(SPOKEN)
    const words = stdout.indexOf("THE AGENT'S OWN WORDS")
    expect(words).toBeGreaterThan(stdout.indexOf('THE SAME, AS IT IS SIGNED'))
    expect(stdout.slice(0, words)).not.toContain('FAKE call')
    expect(stdout.slice(words)).toContain('\\u{1b}Pfake')
  })

  test('how old it is, and a deadline that nobody will take, are told by the policy and the chain’s time', async () => {
    const { request } = requestFor('age')
    const lines = (nowSeconds: number) =>
      approvalScreen({
        ...{ request: { ...request, oracleTick: 200_000, reason: 'x' } as ApprovalRequest, policy: policy as Policy },
        ...{ isPolicyKnown: true, own: null, nowSeconds },
      }).filter(line => /^(deadline|proposed)/.test(line))
    expect(lines(DEADLINE - 7_200)).toEqual([
      expect.stringMatching(/^deadline .*: 2 h left$/),
      "proposed    at most 6 h ago, by its deadline; the agent's words and price are of then",
    ])
    expect(lines(DEADLINE - 36_000)[1]).toBe(
      'proposed    UNDER A DEADLINE that is 2 h later than the policy gives people: verifiers refuse it',
    )
    expect(lines(DEADLINE + 1)[0]).toMatch(/PAST: nothing can come of it$/)
  })

  test('names and decimals are known only from somebody else than the sender', async () => {
    const { file } = requestFor('caution')
    expect((await approve(file, ...withKey)).stdout).toContain('CAUTION: not compared with yours. Names and decimals')
    const other = { ...policy, tokens: policy.tokens.map(token => ({ ...token, decimals: 18 })) }
    const renamed = requestFor('renamed', { bend: value => ({ ...value, policy: other }) })
    const told = await approve(renamed.file, ...withKey)
    expect([told.status, told.stderr]).toEqual([2, expect.stringContaining('is not the one that the proposal names')])
    writeFileSync(join(dir, 'other.yaml'), JSON.stringify(other))
    const mine = await approve(requestFor('mine').file, ...withKey, '--policy', join(dir, 'other.yaml'))
    expect([mine.status, mine.stderr]).toEqual([2, expect.stringContaining('is under policy')])
    expect(answers(renamed.folder)).toEqual([])
  })

  test('a payment to a stranger, and what cannot be read, are said aloud', async () => {
    const paid = requestFor('paid', { intents: [{ type: 'transfer', token: 'USDC', to: at('9'), amount: '1' }] })
    const { stdout } = await approve(paid.file, ...withKey)
    expect(stdout).toContain('(a recipient of the policy), WHICH IS NOT THE SAFE: 0.000001 USDC (call 1)')
  })

  test('a request of another version is refused in one sentence', async () => {
    const { file } = requestFor('old', { bend: value => ({ ...value, v: 1 }) })
    expect(await approve(file, ...withKey)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('v: is of another version of warrant: ask for a new request'),
    })
  })
})

describe('the answer', () => {
  test('of a remote signer is taken with v 0 or 1, and written as the module takes it', async () => {
    const { file, folder } = requestFor('lowv')
    signer.bend = signature => `${signature.slice(0, 130)}0${Number.parseInt(signature.slice(130), 16) - 27}`
    expect((await approve(file, '--key', signer.url, '--yes')).status).toBe(0)
    const [name] = answers(folder)
    expect(JSON.parse(readFileSync(join(folder, name as string), 'utf8')).signature).toMatch(/1[bc]$/)
  })

  test.each<[string, (signature: string) => string, string]>([
    ['0x1234', () => '0x1234', 'it has 2 bytes, a signature 65'],
    ['another key', () => `0x${'11'.repeat(64)}1b`, 'signed as'],
    ['nothing', () => 'null', 'refused eth_signTypedData_v4'],
  ])('of a remote signer that gives %s: told, exit 2, no file', async (name, bend, reason) => {
    const { file, folder } = requestFor(`bent ${name}`)
    signer.bend = bend
    const { status, stderr } = await approve(file, '--key', signer.url, '--yes')
    expect([status, stderr]).toEqual([2, expect.stringContaining(reason)])
    expect(answers(folder)).toEqual([])
  })

  test('that was bad does not make its approver mute: the command replaces it, the desk reads it again', async () => {
    const { file, folder, request, proposal } = requestFor('corrected')
    const out = `${file.slice(0, -5)}.${me.address.toLowerCase()}.json`
    writeFileSync(out, '{"half":')
    const gathered = asked(folder, request, proposal)
    while (saidBy(folder).length === 0) await new Promise(done => setTimeout(done, 20))
    expect((await approve(file, ...withKey)).status).toBe(0)
    const answer = expect.objectContaining({ answer: 'approve', signer: me.address.toLowerCase() })
    expect(await gathered).toEqual([[answer], [expect.stringContaining('is no answer')]])
    expect((await approve(file, ...withKey)).stderr).toContain('has answered before')
  })
})

describe('a Safe approves (ERC-1271)', () => {
  test('by its owner’s key, or by a signature made elsewhere; the desk asks the Safe itself', async () => {
    const { file, folder, proposal, request } = requestFor('safe')
    const args = ['--contract', safe, '--key', join(dir, 'me.key'), '--yes']
    const blind = await approve(file, ...args)
    expect([blind.status, blind.stderr]).toEqual([2, expect.stringContaining('give --rpc URL')])
    writeFileSync(join(dir, 'stranger.key'), `0x${'77'.repeat(32)}`)
    // Where the module names no policy, or another, there is nothing to approve.
    const rpc = ['--rpc', anvil.url]
    const unknown = await approve(file, ...args, ...rpc)
    expect([unknown.status, unknown.stderr]).toEqual([2, expect.stringContaining('the module has 0x')])
    await moduleSays(policyDigest(policy))
    const stranger = ['--contract', safe, '--key', join(dir, 'stranger.key'), '--yes', ...rpc]
    const refused = await approve(file, ...stranger)
    expect([refused.status, refused.stderr]).toEqual([2, expect.stringContaining('does not take this signature')])
    expect(answers(folder)).toEqual([])
    const approved = await approve(file, ...args, ...rpc)
    expect([approved.status, approved.stdout]).toEqual([0, expect.not.stringContaining('CAUTION')])

    const [name] = answers(folder)
    const answer = JSON.parse(readFileSync(join(folder, name as string), 'utf8')) as Approval
    expect(answer).toMatchObject({ signer: safe, signature: expect.stringContaining(safe) })
    expect(await asked(folder, request, proposal)).toEqual([[answer], []])
    // Forged, it counts for nothing, whoever says that it does.
    const forged = `${safe}${'11'.repeat(65)}`
    writeFileSync(join(folder, name as string), JSON.stringify({ ...answer, signature: forged }))
    const [given, said] = await asked(folder, request, proposal, 1)
    expect([given, said]).toEqual([[], [expect.stringContaining('does not take this signature')]])
    // Made elsewhere, such as in the Safe's own app.
    rmSync(join(folder, name as string))
    const elsewhere = ['--contract', safe, '--signature', `0x${answer.signature.slice(42)}`, '--yes', ...rpc]
    expect((await approve(file, ...elsewhere)).status).toBe(0)
  })

  test('what a wallet signs is printed whole', async () => {
    const { stdout } = await approve(requestFor('typed').file, '--typed-data')
    expect(JSON.parse(stdout)).toMatchObject({ primaryType: 'Approval', types: { EIP712Domain: expect.any(Array) } })
  })
})
