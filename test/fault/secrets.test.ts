import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttp } from 'node:http'
import { type AddressInfo, createServer as createTcp, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { createVerifierClient } from '#runtime/api/verifierClient.ts'
import { ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { meetVerifiers } from '#runtime/run/meetVerifiers.ts'
import { WARRANT } from '#runtime/run/spawnWarrant.ts'
import { createChatRelay } from '#runtime/worker/chatRelay.ts'
import { reasonOf } from '#verifier/evidence/error.ts'
import type { Job } from '#verifier/evidence/ports/queue.ts'

// Whatever a URL leads to, and whatever the library says that was to go there: what is secret in it is told to nobody.
const SECRETS = {
  key: 'f0e1d2c3b4a5968778695a4b3c2d1e0f',
  query: 'shortkey',
  password: 'hunter2pass',
  redis: 'cachepass77',
  apiKey: 'sk-live-A1b2C3d4E5f6G7h8\u0007',
}
const dir = mkdtempSync(join(tmpdir(), 'warrant-secrets-'))
const servers: Server[] = []
let [refuses, answers, deadPort, redisPort] = ['', '', 0, 0]

const listen = (server: Server) =>
  new Promise<number>(resolve => {
    servers.push(server)
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })

beforeAll(async () => {
  // Servers that quote all that they are given.
  const quoting = (status: number, text: (said: string) => string) =>
    createHttp((request, response) => {
      const said = `bad key ${request.url} ${request.headers.authorization ?? ''} ${Object.values(SECRETS).slice(0, 3).join(' ')}`
      response.writeHead(status, { 'content-type': 'application/json' }).end(text(said))
    })
  const path = `/v3/${SECRETS.key}?apikey=${SECRETS.query}`
  refuses = `http://127.0.0.1:${await listen(quoting(401, said => said))}${path}`
  const rpcError = (message: string) => JSON.stringify({ jsonrpc: '2.0', id: 1, error: { code: -32_000, message } })
  answers = `http://127.0.0.1:${await listen(quoting(200, rpcError))}${path}`
  redisPort = await listen(
    createTcp(socket => {
      socket.on('error', () => {})
      socket.on('data', data => socket.write(`-WRONGPASS no such password ${JSON.stringify(String(data))}\r\n`))
    }),
  )
  const gone = createTcp()
  deadPort = await listen(gone)
  await new Promise(resolve => gone.close(resolve))
})
afterAll(async () => {
  await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))))
  rmSync(dir, { recursive: true })
})

/** A command with what it says; one that serves is ended. */
async function said(args: readonly string[]): Promise<string> {
  const env = { ...process.env, WARRANT_API_KEY: SECRETS.apiKey, UPSTREAM_KEY: SECRETS.apiKey }
  const child = spawn(process.execPath, [WARRANT, ...args], { cwd: dir, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', part => {
      text += part
      if (/"url":/.test(text)) child.kill('SIGTERM')
    })
  const timer = setTimeout(() => child.kill('SIGKILL'), 60_000)
  await new Promise(resolve => child.once('close', resolve))
  clearTimeout(timer)
  return text
}

function demandNoSecret(text: string, where: string): void {
  expect(text.length, `${where} says nothing`).toBeGreaterThan(0)
  for (const secret of Object.values(SECRETS)) expect(text, where).not.toContain(secret.replace('\u0007', ''))
}

const file = (name: string, content: unknown) => {
  const path = join(dir, name)
  writeFileSync(path, typeof content === 'string' ? content : stringify(content))
  return path
}
const A = (digit: string) => `0x${digit.repeat(40)}`
const VKEY = 'log.example+8a3f1c52+AXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5eXl5'

describe('no command tells what is secret in a URL', () => {
  const redis = () => `redis://user:${SECRETS.redis}@127.0.0.1:${redisPort}/2`
  const withUser = () => answers.replace('http://', `http://user:${SECRETS.password}@`)
  const bare = () => `rpc.invalid/v3/${SECRETS.key}`
  const dead = () => `http://127.0.0.1:${deadPort}/v3/${SECRETS.key}`
  const key = () => file('key', `0x${'11'.repeat(32)}`)
  const policy = () => file('policy.yaml', { version: 1 })
  const live = (rpc: string) => ({
    ...{
      strategy: 'trend-follower',
      market: { simulated: { seed: '1', minutes: 20_000 } },
      out: './run',
      decisions: 1,
    },
    treasury: {
      ...{ rpc, policy: 'policy.yaml', verifiers: [refuses], threshold: 1, executorKey: key(), logOrigin: 'x' },
      ...{ webhook: refuses, quorum: 'quorum' },
    },
    inference: { redis: redis(), workers: [{ id: 'w', operator: 'o', publicKey: '11'.repeat(32) }] },
  })
  const gateway = (more: object) => ({
    ...{ listen: { port: 0 }, log: './g/log', origin: 'x', keys: './g/keys', models: '.', apiKeys: [] },
    ...more,
  })
  const cases: [string, () => string[]][] = [
    ['doctor, refused', () => ['doctor', '--rpc', refuses, '--redis', redis()]],
    ['doctor, an error of the node', () => ['doctor', '--rpc', answers, '--module', A('a'), '--json']],
    ['doctor, a name and a password', () => ['doctor', '--rpc', withUser()]],
    ['doctor, no scheme', () => ['doctor', '--rpc', bare()]],
    ['audit', () => ['audit', refuses, '--rpc', answers]],
    ['audit, nobody there', () => ['audit', dead(), '--rpc', dead()]],
    ['log anchor', () => ['log', 'anchor', refuses, '--rpc', answers, '--key', key(), '--deploy']],
    ['log verify', () => ['log', 'verify', refuses, '--vkey', VKEY]],
    ['log verify, a name and a password', () => ['log', 'verify', withUser(), '--vkey', VKEY]],
    ['log tail', () => ['log', 'tail', dead()]],
    ['log compare', () => ['log', 'compare', refuses, dead(), '--vkey', VKEY]],
    [
      'witness feed',
      () => [
        'witness',
        'feed',
        refuses,
        '--vkey',
        VKEY,
        '--quorum',
        file('quorum', `witness w ${VKEY} ${dead()}\nquorum w\n`),
      ],
    ],
    [
      'worker',
      () => ['worker', '--redis', redis(), '--key', join(dir, 'w.key'), '--models', dir, '--models-from', refuses],
    ],
    [
      'gateway, Redis',
      () => [
        'gateway',
        '--config',
        file(
          'g1.yaml',
          gateway({
            redis: redis(),
            workers: [{ id: 'w', operator: 'o', publicKey: '11'.repeat(32) }],
            hosted: [{ name: 'c', url: refuses, model: 'm', apiKeyFrom: 'UPSTREAM_KEY' }],
          }),
        ),
      ],
    ],
    [
      'gateway, a field that is wrong',
      () => ['gateway', '--config', file('g2.yaml', gateway({ redis: `no url ${redis()}` }))],
    ],
    [
      'verifier',
      () => [
        'verifier',
        '--config',
        file('v.yaml', {
          listen: { port: 0 },
          policy: policy(),
          logKey: VKEY,
          rpc: answers,
          key: key(),
          journal: 'j',
          market: { simulated: { seed: '1', minutes: 10 } },
        }),
      ],
    ],
    ['run --live', () => ['run', '--config', file('live.yaml', live(refuses)), '--live']],
    ['treasury plan', () => ['treasury', 'plan', '--config', policy(), '--rpc', refuses, '--out', 'plan.json']],
    [
      'treasury deploy, a remote signer',
      () => ['treasury', 'deploy', '--config', policy(), '--rpc', answers, '--key', `${refuses}#${A('b')}`],
    ],
    ['approve', () => ['approve', policy(), '--rpc', refuses, '--key', `${refuses}#${A('b')}`]],
  ]
  test('each by itself', async () => {
    const left = [...cases]
    await Promise.all(
      [1, 2].map(async () => {
        for (let next = left.shift(); next !== undefined; next = left.shift())
          demandNoSecret(await said(next[1]()), next[0])
      }),
    )
  }, 400_000)
})

test('nor do the calls that a run makes of verifiers, and of a model elsewhere', async () => {
  const spoken: string[] = []
  const say = (line: string) => void spoken.push(line)
  const at = { url: refuses, token: null }
  spoken.push(await meetVerifiers([at], 1, say).then(String, reasonOf))
  const withUser = refuses.replace('http://', `http://user:${SECRETS.password}@`)
  spoken.push(await meetVerifiers([{ url: withUser, token: null }], 1, say).then(String, reasonOf))
  const client = createVerifierClient({ url: refuses, log: {} as never, blobs: [] })
  spoken.push(await client.verdict('00'.repeat(32)).then(String, reasonOf))
  const upstream = { url: refuses, model: 'm', apiKey: SECRETS.apiKey }
  const clock = { nowMs: () => Date.now() }
  const relay = createChatRelay({ id: 'r', signer: ed25519Signer(Buffer.alloc(32, 5)), upstream, clock })
  const input = { type: 'chat', body: '{"model":"m","messages":[]}' }
  const [failed] = await relay.run([{ input, deadlineMs: Date.now() + 10_000 } as Job])
  // The API key holds what no header may: who refuses to send it quotes it.
  spoken.push(reasonOf(failed))
  for (const line of spoken) demandNoSecret(line, line)
})
