import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { WarrantError } from '#verifier/evidence/error.ts'

const ATTACKER = [
  new URL('./attacker.js', import.meta.url),
  new URL('../../../dist/runtime/demo/attacks/attacker.js', import.meta.url),
]
  .map(url => fileURLToPath(url))
  .find(existsSync) as string

/** Starts an attacker with what it holds; resolves with the line that it prints, while it may go on running. */
export async function spawnAttacker<T>(name: string, holds: object): Promise<{ did: T; stop(): void }> {
  const child: ChildProcess = spawn(process.execPath, [ATTACKER, name], { stdio: ['pipe', 'pipe', 'pipe'], env: {} })
  child.stdin?.end(JSON.stringify(holds))
  const did = await new Promise<T>((resolve, reject) => {
    let [output, errors] = ['', '']
    child.stderr?.on('data', chunk => {
      errors += chunk
    })
    child.stdout?.on('data', chunk => {
      output += chunk
      if (output.includes('\n')) resolve(JSON.parse(output) as T)
    })
    child.once('exit', code =>
      reject(new WarrantError('REFUSED', `the attacker ${name} ended with ${code}: ${errors.slice(0, 500)}`)),
    )
  })
  return { did, stop: () => void child.kill('SIGKILL') }
}
