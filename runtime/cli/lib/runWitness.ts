import { existsSync, readFileSync } from 'node:fs'
import { openEd25519Key, openSeed } from '#runtime/crypto/ed25519Key.ts'
import { createWitness } from '#runtime/log/createWitness.ts'
import { parseWitnessedLogs, witnessedLogLines } from '#runtime/log/witnessedLogs.ts'
import { ed25519Witness, mlDsaWitness } from '#runtime/log/witnessKeys.ts'
import { addWitnessRoutes, growthLimit } from '#runtime/log/witnessRoutes.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { createHttpServer } from '#verifier/service/http/createHttpServer.ts'
import { lockFile, takeLock } from '#verifier/service/takeLock.ts'
import { serveUntilStopped } from './serve.ts'

export type RunWitnessParameters = {
  key: string[]
  mlDsaKey?: string[]
  state: string
  log?: string[]
  logs?: string
  name: string
  host: string
  port: string
}

/** Runs a witness until SIGTERM. @throws BAD_INPUT, FILE_MISSING, PORT_IN_USE, LOG_LOCKED */
export async function runWitness(options: RunWitnessParameters): Promise<void> {
  const { key, mlDsaKey = [], state, log = [], logs: file, name, host, port } = options
  const number = Number(port)
  if (!Number.isInteger(number) || number < 0 || number > 65_535)
    throw new WarrantError('BAD_INPUT', `--port must be 0 to 65535, got ${port}`)
  const signers = [
    ...key.map(path => ed25519Witness(name, openEd25519Key(path))),
    ...mlDsaKey.map(path => mlDsaWitness(name, openSeed(path))),
  ]
  const watched = parseWitnessedLogs([...log, ...(file === undefined ? [] : linesOf(file))])
  if (watched.size === 0) throw new WarrantError('BAD_INPUT', 'witness needs --log VKEY or --logs FILE: what to watch')
  // One key and one state, in one process: two would cosign both sides of a fork.
  const unlock = [
    ...[...key, ...mlDsaKey].map(path => lockFile(path, 'this witness key')),
    takeLock(`${state}.lock`, 'this witness state'),
  ]
  const witness = createWitness({
    signers,
    logs: watched,
    stateFile: state,
    clock: { nowMs: () => Date.now() },
    mayGrow: growthLimit(),
  })
  // Public, as the protocol is: nobody has a token, and addresses and origins are held to their rates.
  const app = createHttpServer({ clients: [], statusOf: () => 400 })
  addWitnessRoutes(app, witness)
  app.addHook('onClose', async () => {
    for (const release of unlock) release()
  })
  await serveUntilStopped(app, { host, port: number }, { vkey: witness.vkeys.join(' ') })
}

/** @throws FILE_MISSING */
function linesOf(file: string): string[] {
  if (!existsSync(file)) throw new WarrantError('FILE_MISSING', `${file}: no such file of logs`)
  return witnessedLogLines(readFileSync(file, 'utf8'))
}
