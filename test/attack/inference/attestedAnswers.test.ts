import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodeBase64 } from '#runtime/crypto/base64.ts'
import { ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { nodeKernels, randomWords } from '#runtime/crypto/nodeKernels.ts'
import { demoPolicy } from '#runtime/demo/demoPolicy.ts'
import { chooseProof } from '#runtime/gateway/chooseProof.ts'
import { createGateway } from '#runtime/gateway/createGateway.ts'
import { openLog } from '#runtime/log/openLog.ts'
import { createInProcessQueue } from '#runtime/queue/inProcessQueue.ts'
import { encodeJobResult, jobResult } from '#runtime/queue/jobSchema.ts'
import { createChatRelay, hostedModel } from '#runtime/worker/chatRelay.ts'
import { createWorker, type Worker } from '#runtime/worker/createWorker.ts'
import { onnxEngine } from '#runtime/worker/onnxEngine.ts'
import { openAttestations } from '#verifier/attestation/openAttestations.ts'
import type { AcceptedPlatform } from '#verifier/evidence/ports/attestation.ts'
import type { QueuePort } from '#verifier/evidence/ports/queue.ts'
import { decodeRecord, type RecordOf } from '#verifier/evidence/record.ts'
import { proofIn, type SingleProof } from '#verifier/evidence/records/proof.ts'
import type { ModelInput } from '#verifier/evidence/records/request.ts'
import type { Response } from '#verifier/evidence/records/response.ts'
import type { ModelIdentity } from '#verifier/evidence/records/run.ts'
import { attestedKey } from '#verifier/proof/tee.ts'
import { verifyProof } from '#verifier/proof/verifyProof.ts'
import { createProofReplay } from '#verifier/replay/replayProofs.ts'
import { nitroCloud, nitroDocument } from '../../support/attestation/nitro.ts'
import { attestationOf, openGradientGateway, signedChat } from '../../support/attestation/openGradientGateway.ts'
import { makeVictims, type Victim } from './victims.ts'

// Formats under made-up roots: what these kinds prove on real hardware was not run here.
const AT = Date.UTC(2026, 5, 1)
const clock = { nowMs: () => AT }
const signer = ed25519Signer(new Uint8Array(32).fill(1))
const workers = [{ id: 'w', operator: 'one', publicKey: signer.publicKeyHex }]
const cloud = nitroCloud(AT)
const platform = (kind: 'tee' | 'opengradient'): AcceptedPlatform => ({
  for: kind,
  platform: 'nitro',
  root: cloud.root,
  measurements: { pcr0: cloud.pcr0 },
})

/** A treasury's policy that accepts these platforms. */
function treasuryPolicy(...attestations: AcceptedPlatform[]): unknown {
  const address = (n: number) => `0x${String(n).padStart(40, '0')}`
  const token = (symbol: string, n: number) => ({ symbol, address: address(n), decimals: 18 })
  const usual = demoPolicy({
    chain: {
      ...{ chainId: 1, safe: address(1), module: address(2), guard: null, router: address(6) },
      pool: { address: address(3), token0: address(4), token1: address(5), feePips: 500 },
      tokens: [token('USDC', 4), token('WETH', 5)],
    },
    ...{ logKey: 'a.example/log+00000000+AAAA', agentKey: '11'.repeat(32), executor: address(7) },
    ...{ strategies: [], models: [], workers: [] },
  })
  return JSON.parse(JSON.stringify({ ...usual, attestations }))
}

/** One request through a gateway, and what a verifier says of an answer to it. */
async function ask({
  model,
  file,
  queue,
  kind,
  input,
  listed: registered = workers,
}: {
  model: ModelIdentity
  file: Uint8Array | null
  queue: QueuePort
  kind: string
  input: ModelInput
  listed?: typeof workers
}) {
  const dir = mkdtempSync(join(tmpdir(), 'warrant-attested-'))
  const log = openLog({ dir, origin: 'test.example/attested', signer, clock })
  const modelFile = async () => file ?? new Uint8Array(0)
  const gateway = createGateway({
    log: log.startRun().appender('gateway'),
    queue,
    clock,
    models: [model],
    workers: registered,
    proofOf: () => kind,
    putBlob: bytes => log.putBlob(bytes),
    checks: { kernels: nodeKernels(), randomWords, engine: () => null, modelFile },
    sealEvery: null,
    timeoutMs: 10_000,
    requestIs: 'durable',
    signatures: 'atOnce',
  })
  const { result } = await gateway.infer({ agent: 'a', tick: 0, observation: null, model: model.name, input })
  const records = (await log.entries(0, log.size)).map(decodeRecord)
  await queue.close()
  await log.close()
  rmSync(dir, { recursive: true })
  const request = records.find(record => record.kind === 'request')
  const response = records.find(record => record.kind === 'response')
  if (request?.kind !== 'request' || response?.kind !== 'response') throw new Error('no request')
  type Trust = { accepted?: AcceptedPlatform[]; atMs?: number | null; port?: boolean; listed?: typeof workers }
  const verify = (answer: Response['result'], { accepted, atMs = AT, port = true, listed = workers }: Trust = {}) => {
    if (answer.status !== 'ok') throw new Error(answer.reason)
    return verifyProof(
      { request: request.body, requestLeaf: response.body.request, answer, model, workers: listed },
      {
        crypto: nodeCrypto,
        engine: null,
        kernels: nodeKernels(),
        attestation: port
          ? { port: openAttestations(), accepted: accepted ?? [platform('tee'), platform('opengradient')], atMs }
          : null,
        randomWords,
        modelFile,
        blob: async () => {
          throw new Error('nothing is that long here')
        },
      },
      () => 0,
    )
  }
  /** What a replay makes of an answer, in a run with this policy. */
  const offline = async (answer: Response['result'], document: unknown) => {
    const proofs = createProofReplay({
      ...{ crypto: nodeCrypto, engine: null, kernels: nodeKernels(), randomWords, modelFile },
      attestation: { port: openAttestations(), accepted: [], atMs: 'stated' },
      blob: async () => new Uint8Array(0),
    })
    const run = { body: { models: [model], policy: { document }, keys: { workers: registered } } }
    const answered = { ...response, body: { ...response.body, result: answer } }
    await proofs.check('leaf', answered, request, run as unknown as RecordOf<'run'>)
    return proofs.counts[kind]
  }
  return { result, verify, offline, sent: request.body.input }
}

describe('tee', () => {
  let victim: Victim
  beforeAll(async () => {
    victim = (await makeVictims())[0] as Victim
  })
  const tensorOf = () => {
    const { input } = victim.answers[0] as Victim['answers'][number]
    const data = encodeBase64(new Uint8Array(input.data.buffer))
    return { type: 'tensor' as const, tensor: { dtype: 'float32' as const, shape: input.shape, data } }
  }
  const answered = (kind: string, attestation?: () => Uint8Array) => {
    const { model, file } = victim
    const worker = createWorker({
      id: 'w',
      signer,
      engine: onnxEngine,
      clock,
      modelFile: async () => file,
      attestation,
    })
    // Through the form that Redis carries.
    const remote: Worker = {
      ...worker,
      run: async jobs =>
        (await worker.run(jobs)).map(done => (done instanceof Error ? done : jobResult.parse(encodeJobResult(done)))),
    }
    return ask({ model, file, queue: createInProcessQueue([remote]), kind, input: tensorOf() })
  }
  const own = () => nitroDocument(cloud, attestedKey(signer.publicKeyHex, nodeCrypto))

  test.each(['tee', 'freivalds+tee'])('%s: an attested worker answers, and the verifier accepts', async kind => {
    const { result, verify } = await answered(kind, own)
    expect(await verify(result)).toMatchObject({
      ok: true,
      kind,
      soundnessBits: kind === 'tee' ? null : expect.any(Number),
    })
  })

  test('refused: another key, unknown time, no policy, a policy for another kind, a worker that is not listed, no port', async () => {
    const { result, verify } = await answered('tee', own)
    const told = async (...trust: Parameters<typeof verify> extends [unknown, ...infer R] ? R : never) =>
      (await verify(result, ...trust)).detail
    const other = { ...(workers[0] as (typeof workers)[number]), publicKey: 'cd'.repeat(32) }
    expect(await told({ listed: [other] })).toContain('does not bind the key')
    expect(await told({ listed: [] })).toContain('not listed')
    expect(await told({ atMs: null })).toContain('no witness of the policy')
    expect(await told({ atMs: AT + 86_400_000 })).toContain('not valid at that time')
    expect(await told({ accepted: [] })).toContain('accepts no attestation for tee')
    expect(await told({ accepted: [platform('opengradient')] })).toContain('accepts no attestation for tee')
    expect(await told({ port: false })).toContain('checks no attestations')
  })

  test('an attestation that nobody can judge offline hides no false trace beside it', async () => {
    const { result, offline } = await answered('freivalds+tee', own)
    if (result.status !== 'ok' || result.proof.kind !== 'all') throw new Error('no answer')
    const [, tee] = result.proof.proofs as [SingleProof, SingleProof]
    const spoilt: SingleProof = { kind: 'freivalds', trace: { inline: 'AAAA' } }
    const forged = { ...result, proof: { kind: 'all' as const, proofs: [spoilt, tee] } }
    const none = { name: 'no policy of a treasury' }
    expect(await offline(result, none)).toMatchObject({ held: 0, refused: 0, unchecked: 1 })
    expect(await offline(forged, none)).toMatchObject({ held: 0, refused: 1, unchecked: 0 })
    // A treasury's policy that accepts no platform accepts no attestation.
    expect(await offline(result, treasuryPolicy())).toMatchObject({ held: 0, refused: 1, unchecked: 0 })
    expect(await offline(result, treasuryPolicy(platform('tee')))).toMatchObject({ held: 1, refused: 0, unchecked: 0 })
  })

  test('a worker without an attestation gives no answer; one with a stranger’s is refused by the verifier', async () => {
    const without = await answered('tee')
    expect(without.result).toMatchObject({ status: 'failed', reason: expect.stringContaining('has no attestation') })
    const { result, verify } = await answered('tee', () => nitroDocument(cloud, new Uint8Array(32).fill(3)))
    expect((await verify(result)).detail).toContain('does not bind the key')
  })

  test('where one worker has no attestation, another that has one is asked', async () => {
    const { model, file } = victim
    const other = ed25519Signer(new Uint8Array(32).fill(2))
    const made = (id: string, key: typeof signer, attestation?: () => Uint8Array) =>
      createWorker({ id, signer: key, engine: onnxEngine, clock, modelFile: async () => file, attestation })
    const both = [...workers, { id: 'v', operator: 'two', publicKey: other.publicKeyHex }]
    // One says that it has none; one leaves it out.
    const silent = made('w', signer, own)
    const stripped: Worker = {
      ...silent,
      run: async jobs =>
        (await silent.run(jobs)).map(done => (done instanceof Error ? done : { ...done, attestation: null })),
    }
    for (const first of [made('w', signer), stripped]) {
      const attested = made('v', other, () => nitroDocument(cloud, attestedKey(other.publicKeyHex, nodeCrypto)))
      const queue = createInProcessQueue([first, attested])
      const { result, verify } = await ask({ model, file, queue, kind: 'tee', input: tensorOf(), listed: both })
      expect(await verify(result, { listed: both })).toMatchObject({
        ok: true,
        detail: 'the key of worker v is attested',
      })
    }
  })
})

describe('opengradient', () => {
  let upstream: Awaited<ReturnType<typeof openGradientGateway>>
  beforeAll(async () => {
    upstream = await openGradientGateway(cloud)
  })
  afterAll(() => upstream.close())
  const chat = (more: object = {}) => ({
    type: 'chat' as const,
    body: JSON.stringify({ model: 'llama', messages: [{ role: 'user', content: 'Buy or hold?' }], ...more }),
  })
  const answered = (input: ModelInput = chat()) => {
    const { url } = upstream
    const openGradient = { attestation: `${url}/enclave/attestation`, signingKey: `${url}/signing-key` }
    const to = { url, model: 'llama', apiKey: null, openGradient }
    const relay = createChatRelay({ id: 'w', signer, upstream: to, clock })
    const model = hostedModel('llama', to)
    const { kind } = chooseProof(model, [[['opengradient']]])
    return ask({ model, file: null, queue: createInProcessQueue([relay]), kind, input })
  }

  test.each([
    ['words', chat()],
    ['tool calls', chat({ tools: [] })],
  ])('a relayed answer in %s: accepted; the attestation is asked for once', async (_, input) => {
    const { result, verify } = await answered(input)
    expect(await verify(result)).toMatchObject({ ok: true, kind: 'opengradient' })
    expect(upstream.asked.slice(-3)).toEqual(['/chat/completions', '/signing-key', '/enclave/attestation'])
  })

  test('the request must name the model as its gateway does', async () => {
    const { result } = await answered(chat({ model: 'gpt' }))
    expect(result).toMatchObject({ status: 'failed', reason: expect.stringContaining('names gpt, not llama') })
  })

  test('each lie is refused', async () => {
    const { result, verify, sent } = await answered()
    if (result.status !== 'ok' || sent.type !== 'chat' || result.output.type !== 'chat') throw new Error('no answer')
    const part = proofIn(result.proof, 'opengradient')
    if (part === null) throw new Error('no proof')
    const told = async (body: string, proof: typeof part = part) =>
      (await verify({ ...result, output: { type: 'chat', body }, proof })).detail
    const signed = (key: typeof upstream.privateKey, request = sent.body, content = 'Hold.') =>
      signedChat(key, request, { content }, AT / 1_000)
    const own = JSON.parse(result.output.body) as { choices: { message: object }[] }
    const stranger = generateKeyPairSync('rsa', { modulusLength: 2_048 })
    const strange = new Uint8Array(stranger.publicKey.export({ format: 'der', type: 'spki' }))
    const with_ = (change: object) => JSON.stringify({ ...own, ...change })
    const says = (content: string) => [{ ...own.choices[0], message: { role: 'assistant', content } }]

    expect(await told(with_({ choices: says('Sell everything.') }))).toBe('it signed another answer')
    expect(await told(signed(upstream.privateKey, chat({ seed: 1 }).body))).toBe('it signed another request')
    expect(await told(with_({ tee_timestamp: AT / 1_000 + 1 }))).toBe("the signature is not the gateway's")
    const old = signedChat(upstream.privateKey, sent.body, { content: 'Hold.' }, AT / 1_000 - 3_600)
    expect(await told(old)).toContain('it signed at another time')
    expect(await told(signed(stranger.privateKey))).toBe("the signature is not the gateway's")
    expect(await told(with_({ choices: [...says('Hold.'), ...says('Sell.')] }))).toBe(
      'the answer has 2 choices; one is signed',
    )
    const message = { role: 'assistant', content: 'Hold.', tool_calls: [{ id: 'c1' }] }
    expect(await told(with_({ choices: [{ ...own.choices[0], message }] }))).toContain('covers the words alone')
    expect(await told(with_({ tee_signature: undefined }))).toContain('not a signed one: tee_signature')
    expect(await told('no JSON')).toContain('not a signed one')
    // What would make a check throw is refused like any other lie.
    expect(await told(with_({ tee_timestamp: 2 ** 53 - 1 }))).toContain('not a signed one: tee_timestamp')
    expect(await told(result.output.body, { ...part, publicKey: 'AB==' })).toContain('cannot be checked')
    expect(await told(result.output.body, { ...part, attestation: { inline: 'AB==' } })).toContain('cannot be checked')
    // A key of one's own, with the attestation of the real one; then with one of an enclave of other software.
    const key = Buffer.from(strange).toString('base64')
    expect(await told(signed(stranger.privateKey), { ...part, publicKey: key })).toContain('does not bind the key')
    const elsewhere = nitroCloud(AT)
    const inline = Buffer.from(attestationOf(elsewhere, strange)).toString('base64')
    expect(await told(signed(stranger.privateKey), { ...part, publicKey: key, attestation: { inline } })).toContain(
      "is not the policy's",
    )
    const trusted = { ...result, proof: part }
    expect((await verify(trusted, { accepted: [platform('tee')] })).detail).toContain(
      'accepts no attestation for opengradient',
    )
    expect((await verify(trusted, { atMs: null })).detail).toContain('no witness')
  })
})
