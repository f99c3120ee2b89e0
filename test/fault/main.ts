// npm run faults -- log [--cases N] [--seed S]: the long form of what CI runs a short form of. Exit 1 when a case fails.
import { WarrantError } from '#verifier/evidence/error.ts'
import { faultCase, faultPoints, hasStrace } from './logFaults.ts'

const argument = (name: string, fallback: number) => {
  const at = process.argv.indexOf(`--${name}`)
  const value = at < 0 ? fallback : Number(process.argv[at + 1])
  if (!Number.isSafeInteger(value) || value < 0) throw new WarrantError('BAD_INPUT', `--${name} must be a count`)
  return value
}
if (process.argv[2] !== 'log' || !hasStrace) {
  console.error('usage: npm run faults -- log [--cases N] [--seed S]; needs strace')
  process.exit(2)
}
const [cases, first] = [argument('cases', 1_000), argument('seed', 1)]
const points = faultPoints()
const ended = new Map<string, number>()
let failed = 0
for (let seed = first; seed < first + cases; seed++) {
  try {
    const { syscall, effect } = await faultCase(seed, points)
    const name = `${syscall} ${effect}`
    ended.set(name, (ended.get(name) ?? 0) + 1)
  } catch (error) {
    failed++
    console.error((error as Error).message)
  }
  if ((seed - first) % 50 === 49) console.error(`${seed - first + 1}/${cases}, ${failed} failed`)
}
console.log(
  JSON.stringify({ cases, failed, points: points.length, byFault: Object.fromEntries([...ended].sort()) }, null, 2),
)
process.exitCode = failed === 0 ? 0 : 1
