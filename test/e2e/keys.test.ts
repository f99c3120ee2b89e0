import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { KEY_KINDS } from '#runtime/cli/lib/keyKinds.ts'
import { openEd25519Key } from '#runtime/crypto/ed25519Key.ts'
import { unignoredIn } from '#runtime/crypto/unignoredIn.ts'
import { commandHere } from '../support/commandHere.ts'
import { warrant } from '../support/warrant.ts'

// Keys of every kind: made where nobody else takes them, told by their public part alone.
const root = mkdtempSync(join(tmpdir(), 'warrant-keys-'))
afterAll(() => rmSync(root, { recursive: true }))
const at = (name: string) => join(root, name)
const secretOf = (file: string) => readFileSync(file, 'utf8').trim().replace(/^0x/, '')
const nameFor = (kind: string) =>
  KEY_KINDS[kind as keyof typeof KEY_KINDS].isNamed ? ['--name', 'keys.example/it'] : []

describe('warrant keys', () => {
  test.each(Object.keys(KEY_KINDS))(
    'a %s key: 0600, never overwritten, its public part alone is told, and told again',
    async kind => {
      const file = at(`${kind}.key`)
      const args = ['keys', 'new', kind, '--out', file, ...nameFor(kind)]
      const made = await commandHere([...args, '--json'])
      expect(made.status, made.stderr).toBe(0)
      const { address, publicKey, vkey } = JSON.parse(made.stdout)
      expect(statSync(file).mode & 0o777).toBe(0o600)
      const secret = secretOf(file)
      const again = await commandHere(args)
      expect([again.status, again.stderr]).toEqual([2, expect.stringContaining('a key is never overwritten')])
      expect(secretOf(file)).toBe(secret)
      const shown = await commandHere(['keys', 'show', file, ...nameFor(kind), '--json'])
      expect(shown.status, shown.stderr).toBe(0)
      const told = JSON.parse(shown.stdout)
      expect([undefined, told.address]).toContain(address)
      expect([undefined, told.publicKey]).toContain(publicKey)
      expect([undefined, told.logVkey, told.witnessVkey, told.mlDsaWitnessVkey]).toContain(vkey)
      for (const { stdout, stderr } of [made, again, shown]) expect(stdout + stderr).not.toContain(secret)
    },
  )

  test('what it makes is what the others open', async () => {
    expect(openEd25519Key(at('log.key')).publicKeyHex).toBe(
      JSON.parse((await commandHere(['keys', 'show', at('log.key'), '--json'])).stdout).publicKey,
    )
    const verifier = await commandHere(['verifier', 'key', at('verifier.key')])
    const shown = await commandHere(['keys', 'show', at('verifier.key'), '--json'])
    expect(JSON.parse(shown.stdout).address).toBe(JSON.parse(verifier.stdout).address)
  })

  test('an encrypted keystore, and an account in the environment', async () => {
    // Web3 Secret Storage Definition, test vector for PBKDF2.
    const keystore = {
      crypto: {
        cipher: 'aes-128-ctr',
        cipherparams: { iv: '6087dab2f9fdbbfaddc31a909735c1e6' },
        ciphertext: '5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46',
        kdf: 'pbkdf2',
        kdfparams: {
          c: 262_144,
          dklen: 32,
          prf: 'hmac-sha256',
          salt: 'ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd',
        },
        mac: '517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2',
      },
      version: 3,
    }
    writeFileSync(at('keystore.json'), JSON.stringify(keystore), { mode: 0o600 })
    process.env.WARRANT_KEYSTORE_PASSPHRASE = 'testpassword'
    const opened = await commandHere(['keys', 'show', at('keystore.json'), '--json'])
    expect(JSON.parse(opened.stdout).address).toBe('0x008aeeda4d805471df9b2a5b0f38a0c3bcba786b')
    process.env.WARRANT_KEYSTORE_PASSPHRASE = 'another'
    const closed = await commandHere(['keys', 'show', at('keystore.json')])
    expect([closed.status, closed.stderr]).toEqual([2, expect.stringContaining('the passphrase does not open it')])
    const kdfparams = { dklen: 32, n: 262_144, r: 1, p: 8, salt: keystore.crypto.kdfparams.salt }
    const beyond = { ...keystore, crypto: { ...keystore.crypto, kdf: 'scrypt', kdfparams } }
    writeFileSync(at('beyond.json'), JSON.stringify(beyond), { mode: 0o600 })
    const undefinedThere = await commandHere(['keys', 'show', at('beyond.json')])
    expect([undefinedThere.status, undefinedThere.stderr]).toEqual([
      2,
      expect.stringContaining('beyond.json: crypto.kdfparams'),
    ])
    process.env.KEYS_TEST = `0x${'11'.repeat(32)}`
    const env = await commandHere(['keys', 'show', 'env:KEYS_TEST', '--json'])
    expect(JSON.parse(env.stdout).address).toBe('0x19e7e376e7c213b7e7e7e46cc70a5dd086daff2a')
  })

  test('bad input names the kinds, the file, and what to do, never the secret', async () => {
    writeFileSync(at('junk.key'), 'hunter2\n', { mode: 0o644 })
    for (const [args, why] of [
      [['new', 'king', '--out', at('x')], 'there are agent, worker, gateway, log, witness'],
      [['new', 'log', '--out', at('x')], 'needs --name'],
      [['new', 'worker', '--name', 'a', '--out', at('x')], 'a worker key has none'],
      [['new', 'log', '--name', 'two words', '--out', at('x')], 'key name'],
      [['show', at('nowhere')], 'no such key file'],
      [['show', at('junk.key')], 'holds no key'],
      [['show', at('junk.key')], 'chmod 600'],
    ] as const) {
      const { status, stdout, stderr } = await commandHere(['keys', ...args])
      expect([status, stdout, stderr]).toEqual([2, '', expect.stringContaining(why)])
      expect(stderr).not.toContain('hunter2')
    }
    expect(existsSync(at('x'))).toBe(false)
  })
})

describe('a source tree', () => {
  const tree = at('tree')
  const git = (...args: string[]) => spawnSync('git', ['-C', tree, ...args], { encoding: 'utf8' })
  mkdirSync(tree)
  spawnSync('git', ['init', '-q', tree])
  writeFileSync(join(tree, '.gitignore'), '/ignored/\n')

  test('takes no key that git would take: not where it is asked for, nor through a link', async () => {
    mkdirSync(join(tree, 'ignored'))
    const refused = await commandHere(['keys', 'new', 'worker', '--out', join(tree, 'keys/worker.key')])
    expect([refused.status, refused.stderr]).toEqual([2, expect.stringContaining('does not ignore it')])
    expect(refused.stderr).toContain(join(tree, '.gitignore'))
    expect(existsSync(join(tree, 'keys'))).toBe(false)
    expect((await commandHere(['keys', 'new', 'worker', '--out', join(tree, 'ignored/worker.key')])).status).toBe(0)
    expect((await commandHere(['verifier', 'key', join(tree, 'verifier.key')])).status).toBe(2)
    expect(() => openEd25519Key(join(tree, 'log.key'))).toThrow('does not ignore it')
    expect(git('status', '--porcelain', '-uall').stdout).toBe('?? .gitignore\n')
  })

  test('a directory that a program makes for its keys is ignored as it is made', () => {
    for (const name of ['log', 'worker']) openEd25519Key(join(tree, 'gateway/keys', `${name}.key`))
    expect(git('status', '--porcelain', '-uall').stdout).toBe('?? .gitignore\n')
  })

  test("the example's keys and logs go where this source tree ignores them", () => {
    const examples = resolve(import.meta.dirname, '../../config/examples')
    const text = readFileSync(join(examples, 'gateway.yaml'), 'utf8')
    for (const field of ['keys', 'log']) {
      const path = new RegExp(`^${field}: (\\S+)`, 'm').exec(text)?.[1] as string
      expect(unignoredIn(join(examples, path, 'x'))).toBe(null)
    }
    expect(unignoredIn(join(examples, 'verifier.key'))).toBe(null)
    expect(unignoredIn(join(examples, 'gateway.yaml'))).not.toBe(null)
  })

  test('what init writes ignores its runs', () => {
    const made = warrant(['init', join(tree, 'my-strategy')])
    expect(made.status, made.stderr).toBe(0)
    expect(unignoredIn(join(tree, 'my-strategy/runs/paper/keys/log.key'))).toBe(null)
  })
})
