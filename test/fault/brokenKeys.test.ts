import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, test } from 'vitest'
import { openExecutorKey, openSigner } from '#runtime/chain/signer.ts'
import { openEd25519Key } from '#runtime/crypto/ed25519Key.ts'
import { openVerifierKey } from '#verifier/service/key.ts'
import { commandHere } from '../support/commandHere.ts'

// A key that cannot be used is still one, or nearly: no digit of it is printed, wherever it is read and whatever is wrong.
const dir = mkdtempSync(join(tmpdir(), 'warrant-broken-keys-'))
afterAll(() => rmSync(dir, { recursive: true }))
afterEach(() => {
  delete process.env.WARRANT_TEST_KEY
  delete process.env.WARRANT_KEYSTORE_PASSPHRASE
})

/** Beyond the group's order, and so no key: libraries say in full what they were given. */
const BEYOND = 'fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364199'
const DIGITS = '7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d'
const base64 = Buffer.from(DIGITS, 'hex').toString('base64')
const BROKEN: [string, string][] = [
  ['out of range', `0x${BEYOND}`],
  ['without 0x', DIGITS],
  ['a digit short', `0x${DIGITS.slice(1)}`],
  ['a digit more', `0x${DIGITS}7`],
  ['quoted', `"0x${DIGITS}"`],
  ['in base64', base64],
  ['as PEM', `-----BEGIN PRIVATE KEY-----\n${base64}\n-----END PRIVATE KEY-----`],
  ['as broken JSON', `{"privateKey": "0x${DIGITS}"`],
  ['as JSON that is no keystore', `{"version": 3, "crypto": {"cipher": "0x${DIGITS}"}}`],
  ['as YAML with an alias', `*${DIGITS}`],
  ['as YAML with a tag', `a: !<${DIGITS}> 1\n0x${DIGITS}: 1`],
  ['as YAML with a missing quote', `executorKey: "0x${DIGITS}`],
  ['as a name', `0x${DIGITS}: 0x${DIGITS}`],
]
const decimal = (hex: string) => String(BigInt(`0x${hex}`))

/** A part of a key, in any of its forms. */
function leak(said: string): string | null {
  for (const form of [DIGITS, BEYOND.slice(24), decimal(DIGITS), decimal(BEYOND), base64])
    for (let at = 0; at + 10 <= form.length; at++)
      if (said.toLowerCase().includes(form.slice(at, at + 10).toLowerCase())) return form.slice(at, at + 10)
  return null
}

const file = (name: string, text: string) => {
  writeFileSync(join(dir, name), text)
  return join(dir, name)
}
/** All that hangs on what was thrown. */
async function thrown(work: () => unknown): Promise<string> {
  try {
    await work()
    return ''
  } catch (error) {
    const said: string[] = []
    for (let at: unknown = error; at instanceof Error; at = at.cause) said.push(String(at.stack), JSON.stringify(at))
    return said.join('\n')
  }
}

test.each(BROKEN)('%s: whatever opens it, and all that hangs on the error', async (_what, text) => {
  const broken = file('broken.key', text)
  process.env.WARRANT_TEST_KEY = text
  process.env.WARRANT_KEYSTORE_PASSPHRASE = 'x'
  for (const open of [
    () => openSigner(broken),
    () => openSigner('env:WARRANT_TEST_KEY'),
    () => openSigner(text.split('\n')[0] ?? ''),
    () => openSigner(`env:${DIGITS}`),
    () => openExecutorKey(broken),
    () => openVerifierKey(broken),
    () => openVerifierKey(`0x${DIGITS}`),
    () => openEd25519Key(text === DIGITS ? file('ed.key', `${DIGITS}00`) : broken),
    () => openEd25519Key(join(dir, DIGITS)),
  ]) {
    const said = await thrown(open)
    expect(said).not.toBe('')
    expect(leak(said), said).toBe(null)
  }
})

test.each(BROKEN)('%s: every command that reads a key, or takes it for something else', async (_what, text) => {
  const broken = file('broken.key', text)
  process.env.WARRANT_KEYSTORE_PASSPHRASE = 'x'
  const keys = join(dir, 'keys')
  mkdirSync(keys, { recursive: true })
  for (const name of ['log.key', 'gateway.key', 'worker.key', 'agent.key']) writeFileSync(join(keys, name), text)
  const gateway = { listen: { port: 0 }, log: './log', origin: 'a.example/b', keys: './keys', models: '.', apiKeys: [] }
  const commands = [
    ['verifier', 'key', broken],
    ['witness', '--key', broken, '--state', join(dir, 'state'), '--log', text],
    ['worker', '--redis', 'redis://127.0.0.1:1', '--key', broken, '--models', dir],
    ['gateway', '--config', text === DIGITS ? broken : file('gateway.json', JSON.stringify(gateway))],
    ...['run', 'verifier', 'gateway', 'treasury plan'].map(command => [...command.split(' '), '--config', broken]),
    ...['check', 'explain', 'test'].map(command => ['policy', command, broken]),
    ['policy', 'check', `0x${DIGITS}`],
    ['run', '--config', `0x${DIGITS}`],
    ['log', 'verify', dir, '--vkey', text],
    ['approve', broken, '--key', broken, '--yes'],
    ['show', broken],
  ]
  for (const command of commands) {
    const { status, stdout, stderr } = await commandHere(command)
    expect([status === 0, command.join(' ').slice(0, 20)]).toEqual([false, command.join(' ').slice(0, 20)])
    expect(leak(stdout + stderr), `${command[0]}: ${stdout}${stderr}`).toBe(null)
  }
})
