// npm run bench -- NAME [--json]: a table, or one document {bench, machine, figures}.
import { cpus, totalmem } from 'node:os'
import { reasonOf } from '#verifier/evidence/error.ts'
import type { Figure } from './figure.ts'
import { guardBench } from './guard.ts'
import { inferenceBench } from './inference/inference.ts'
import { logBench } from './log.ts'
import { pipelineBench } from './pipeline.ts'
import { treasuryBench } from './treasury/treasury.ts'

const BENCHES: Record<string, () => Promise<Figure[]>> = {
  guard: guardBench,
  inference: inferenceBench,
  log: logBench,
  pipeline: pipelineBench,
  treasury: treasuryBench,
}

const [name = ''] = process.argv.slice(2).filter(arg => !arg.startsWith('--'))
const json = process.argv.includes('--json')
const bench = BENCHES[name]
if (bench === undefined) {
  console.error(`usage: npm run bench -- NAME [--json]; benches: ${Object.keys(BENCHES).join(', ')}`)
  process.exit(2)
}
const figures = await bench().catch((error: unknown) => {
  console.error(`bench ${name}: ${reasonOf(error)}`)
  process.exit(2)
})
const machine = {
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  node: process.version,
  platform: `${process.platform} ${process.arch}`,
}
if (json) process.stdout.write(`${JSON.stringify({ bench: name, machine, figures }, null, 2)}\n`)
else {
  console.log(`${name} on ${machine.cpu}, ${machine.cores} cores, Node ${machine.node}`)
  for (const { id, value, unit, baseline, bar, holds, note } of figures) {
    console.log(
      `${id.padEnd(28)} ${String(value).padStart(12)} ${unit.padEnd(16)} ${(bar ?? '').padEnd(10)} ${holds === undefined ? '' : holds ? 'holds' : 'MISSED'} ${baseline ?? ''} ${note ?? ''}`,
    )
  }
}
