import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openEd25519Key } from '#runtime/crypto/ed25519Key.ts'
import { openLog } from '#runtime/log/openLog.ts'
import { WARRANT } from '#runtime/run/spawnWarrant.ts'
import { commandHere } from '../support/commandHere.ts'
import { warrant } from '../support/warrant.ts'

// An agent in a process of its own writes its log, second by second; readers come and go meanwhile, and take no lock.
const root = mkdtempSync(join(tmpdir(), 'warrant-live-log-'))
const at = (name: string) => join(root, name)
const log = at('run/log')
let agent: ChildProcess
let vkey = ''

async function until(what: () => boolean): Promise<void> {
  while (!what()) await new Promise(resolve => setTimeout(resolve, 50))
}
const sizeNow = () => Number(readFileSync(join(log, 'checkpoint'), 'utf8').split('\n')[1])
const isHeld = () => existsSync(join(log, 'state/lock'))

beforeAll(async () => {
  const config = {
    strategy: 'trend-follower',
    market: { simulated: { seed: '1', minutes: 43_200 } },
    out: './run',
    paceMs: 100,
  }
  writeFileSync(at('paper.yaml'), JSON.stringify(config))
  agent = spawn(process.execPath, [WARRANT, 'run', '--config', at('paper.yaml')], { stdio: 'ignore' })
  await until(() => existsSync(join(log, 'checkpoint')) && existsSync(join(log, 'vkey')) && sizeNow() > 20)
  vkey = readFileSync(join(log, 'vkey'), 'utf8').trim()
}, 120_000)
afterAll(() => {
  agent.kill('SIGKILL')
  rmSync(root, { recursive: true })
})

/** What every command makes of the log as it stands now. */
async function readAll(round: string): Promise<{ size: number; isOpen: boolean }> {
  const commands = [
    ['log', 'verify', log],
    ['replay', log],
    ['explain', '0', '--log', log],
    ['log', 'show', log, '--kind', 'run'],
    ['log', 'export', log, '--out', at(`${round}.bundle`)],
    ['log', 'export', log, '--decision', '0', '--out', at(`${round}.warrant`)],
    ['log', 'verify', at(`${round}.bundle`)],
    ['replay', at(`${round}.warrant`)],
  ]
  const said = []
  for (const command of commands) {
    const { status, stdout, stderr } = await commandHere([...command, '--vkey', vkey, '--json'])
    expect([round, command.slice(0, 2), status, status === 0 ? '' : stdout.slice(0, 600) + stderr]).toEqual([
      round,
      command.slice(0, 2),
      0,
      '',
    ])
    said.push(JSON.parse(stdout))
  }
  expect(said[1].identical).toBeGreaterThan(0)
  expect(said[6].size).toBeGreaterThanOrEqual(said[0].size)
  return said[0]
}

describe('a log that is being written', () => {
  test('is verified, replayed, explained, shown and exported, again and again, each time further on', async () => {
    let last = 0
    for (let round = 0; round < 4; round++) {
      await until(() => sizeNow() > last)
      const { size, isOpen } = await readAll(`round-${round}`)
      expect(isOpen).toBe(true)
      expect(size).toBeGreaterThan(last)
      expect(isHeld()).toBe(true)
      last = size
    }
    expect(agent.exitCode).toBe(null)
  })

  test('a process of its own reads it; another writer is refused still, and what is ahead is left to fsck', () => {
    const shown = warrant(['show', log, '--vkey', vkey, '--json'])
    expect(shown.status, shown.stderr).toBe(0)
    const [head] = shown.stdout.split('\n').map(line => (line === '' ? null : JSON.parse(line)))
    expect(head).toMatchObject({
      story: 'log',
      ok: true,
      isOpen: true,
      notSeen: expect.arrayContaining([expect.stringContaining('a writer has this log')]),
    })
    const open = () =>
      openLog({
        dir: log,
        origin: 'warrant.example/paper',
        signer: openEd25519Key(at('run/keys/log.key')),
        clock: { nowMs: () => 1 },
      })
    expect(open).toThrow('it has one writer')
  })

  test('killed: what was published is read as before; the next writer goes on', async () => {
    agent.kill('SIGKILL')
    await until(() => agent.signalCode !== null)
    const { isOpen, size } = await readAll('killed')
    expect(isOpen).toBe(true)
    // What a writer was about to publish lies there, whole or not: it is no part of what is published.
    const bundle = Math.floor((size - 1) / 256)
    const dir = join(log, 'tile/entries', `${String(bundle).padStart(3, '0')}.p`)
    const width = ((size - 1) % 256) + 1
    if (existsSync(dir) && width < 200) writeFileSync(join(dir, String(width + 50)), 'half a til')
    writeFileSync(join(log, 'checkpoint.tmp'), 'half a checkpoint')
    const pack = join(log, 'blobs', readdirSync(join(log, 'blobs')).sort().at(-1) as string)
    writeFileSync(
      pack,
      Buffer.concat([
        readFileSync(pack),
        Buffer.alloc(32, 7),
        Buffer.from([0, 0, 0, 0, 0, 0, 1, 0]),
        Buffer.from('half a payload'),
      ]),
    )
    await readAll('torn')
    // What was published already is held to the byte, whoever writes.
    const first = join(log, 'tile/entries', size > 256 ? '000' : `000.p/${size}`)
    const whole = readFileSync(first)
    writeFileSync(first, Buffer.from(whole).fill(0x20, 30, 31))
    expect((await commandHere(['log', 'verify', log, '--vkey', vkey])).status).toBe(1)
    writeFileSync(first, whole)
  })
})
