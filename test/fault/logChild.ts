// The writer that the fault suite kills: appends numbered steps with payloads, publishes, and says on stdout what was
// acknowledged, one line each, before it goes on. usage: logChild DIR STEPS
import { writeSync } from 'node:fs'
import { ed25519Signer } from '#runtime/crypto/ed25519Key.ts'
import { openLog } from '#runtime/log/openLog.ts'
import { utf8 } from '#verifier/evidence/bytes.ts'
import { FAULT_ORIGIN, FAULT_SEED, payloadOf, stepBody } from './faultLog.ts'

const [dir = '', steps = ''] = process.argv.slice(2)
const say = (line: string) => writeSync(1, `${line}\n`)
const log = openLog({
  dir,
  origin: FAULT_ORIGIN,
  signer: ed25519Signer(FAULT_SEED),
  clock: { nowMs: () => 1_700_000_000_000 },
  walBytes: 3_000,
})
const run = log.startRun()
const appender = run.appender('runtime')
say(`run ${run.runId}`)
for (let step = 0; step < Number(steps); ) {
  const batch = []
  for (let i = 0; i < 1 + (step % 4) && step < Number(steps); i++, step++) {
    const payload = step % 5 === 0 ? log.putBlob(utf8(payloadOf(step))).sha256 : null
    batch.push({ step, appended: appender.append('incident', stepBody(step, payload), [], `step-${step}`) })
  }
  for (const { step: number, appended } of batch) {
    await appended.durable
    say(`ack ${number} ${appended.index} ${appended.leafHash}`)
  }
  if (step % 7 === 0) await log.publish()
  if (step % 3 === 0) say(`root ${log.size} ${log.root}`)
}
await log.close()
say('closed')
