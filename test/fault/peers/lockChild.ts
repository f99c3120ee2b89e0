// Opens a log and holds it until its input ends, or says why not. usage: lockChild DIR
import { writeSync } from 'node:fs'
import { ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { openLog } from '#runtime/log/openLog.ts'
import { reasonOf } from '#verifier/evidence/error.ts'

const signer = ed25519Signer(new Uint8Array(32).fill(51))
try {
  const log = openLog({ dir: process.argv[2] ?? '', origin: 'lock.example/log', signer, clock: { nowMs: () => 1 } })
  const runtime = log.startRun().appender('runtime')
  await runtime.append('incident', { what: 'a step', caughtBy: 'x', reason: 'r', evidence: null }).durable
  writeSync(1, `open as ${process.pid}, ${log.size} entries\n`)
  process.stdin.resume()
} catch (error) {
  writeSync(1, `refused: ${reasonOf(error)}\n`)
}
