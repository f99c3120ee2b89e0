// The process of one attacker: `node attacker.js NAME`, what it holds as JSON on standard input, what it did as JSON on
// standard output. It uses public interfaces only: HTTP of log, verifier, witness and chain, and files that it was given.
import { readFileSync } from 'node:fs'
import { changedCalldata } from './changedCalldata.ts'
import { lyingWorker } from './lyingWorker.ts'
import { rewrittenLog } from './rewrittenLog.ts'
import { strangerVerdict } from './strangerVerdict.ts'
import { unexplainedOutflow } from './unexplainedOutflow.ts'

const ATTACKS: Record<string, (holds: never) => Promise<unknown>> = {
  changedCalldata,
  lyingWorker,
  rewrittenLog,
  strangerVerdict,
  unexplainedOutflow,
}

const attack = ATTACKS[process.argv[2] ?? '']
if (attack === undefined) {
  console.error(`no such attack: ${process.argv[2]}`)
  process.exit(2)
}
const did = await attack(JSON.parse(readFileSync(0, 'utf8')) as never)
process.stdout.write(`${JSON.stringify(did)}\n`)
