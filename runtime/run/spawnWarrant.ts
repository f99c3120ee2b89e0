import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'

/** The built command line: what `npx warrant` runs. */
export const WARRANT = [
  new URL('../cli/main.js', import.meta.url),
  new URL('../../dist/runtime/cli/main.js', import.meta.url),
]
  .map(url => fileURLToPath(url))
  .find(existsSync) as string

export type Service = { ready: Record<string, string>; pid: number; stop(): Promise<void> }

/** Starts a `warrant` service and waits for the JSON line that it prints once it listens. It ends with this process. @throws UNREACHABLE */
export async function spawnWarrant(args: readonly string[]): Promise<Service> {
  const child: ChildProcess = spawn(process.execPath, [WARRANT, ...args], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
  const ready = await new Promise<Record<string, string>>((resolve, reject) => {
    let output = ''
    let errors = ''
    child.stderr?.on('data', chunk => {
      errors += chunk
    })
    child.stdout?.on('data', chunk => {
      output += chunk
      const end = output.indexOf('\n')
      if (end < 0) return
      try {
        resolve(JSON.parse(output.slice(0, end)))
      } catch (error) {
        reject(new WarrantError('UNREACHABLE', `warrant ${args[0]} did not start: ${reasonOf(error)}`))
      }
    })
    child.once('exit', code =>
      reject(
        new WarrantError('UNREACHABLE', `warrant ${args[0]} ended with ${code}: ${errors.trim().split('\n')[0] ?? ''}`),
      ),
    )
  })
  child.removeAllListeners('exit')
  return {
    ready,
    pid: child.pid ?? 0,
    stop: () =>
      new Promise(resolve => {
        if (child.exitCode !== null || child.signalCode !== null) return resolve()
        const timer = setTimeout(() => child.kill('SIGKILL'), 5_000)
        child.once('exit', () => {
          clearTimeout(timer)
          resolve()
        })
        child.kill('SIGTERM')
      }),
  }
}
