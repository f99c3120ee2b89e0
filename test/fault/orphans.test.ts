import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'vitest'

const HOST = resolve(import.meta.dirname, '../../dist/test/fault/orphanHost.js')

const sleep = (ms: number) => new Promise(done => setTimeout(done, ms))
async function until<T>(read: () => T | null): Promise<T> {
  for (;;) {
    const found = read()
    if (found !== null) return found
    await sleep(50)
  }
}
const childOf = (pid: number) => {
  const listed = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  return listed === '' ? null : Number(listed.split(' ')[0])
}
/** Time that a process has run, in clock ticks; null: it is gone. */
function ticksOf(pid: number): number | null {
  const path = join('/proc', String(pid), 'stat')
  if (!existsSync(path)) return null
  const fields = readFileSync(path, 'utf8').split(') ')[1]?.split(' ') ?? []
  return fields[0] === 'Z' ? null : Number(fields[11])
}

test('a strategy that never ends is ended when whoever loaded it was killed', async () => {
  if (!existsSync('/proc/self/task')) return console.warn('skipped: there is no /proc here')
  const host = spawn(process.execPath, [HOST], { stdio: 'ignore' })
  const child = await until(() => childOf(host.pid as number))
  // It has started, and is busy.
  await until(() => ((ticksOf(child) ?? 0) > 60 ? true : null))
  host.kill('SIGKILL')
  await until(() => (ticksOf(child) === null ? true : null))
}, 120_000)
