import { beforeAll, expect, test } from 'vitest'
import { nodeCrypto } from '#runtime/crypto/nodeCrypto.ts'
import { nodeKernels, randomWords } from '#runtime/crypto/nodeKernels.ts'
import type { RecordOf } from '#verifier/evidence/record.ts'
import { createPublicEpochs } from '#verifier/replay/publicEpochs.ts'
import { seededRandom } from '../../fault/seededRandom.ts'
import { type Draft, honestDraft, LIES } from './lies.ts'
import { signedAnswer } from './lyingCases.ts'
import { type Honest, makeVictims, type Victim } from './victims.ts'

// What anybody checks in public is checked as deeply as what a verifier checks alone.
let victims: Victim[]
beforeAll(async () => {
  victims = await makeVictims()
})

async function publicly(victim: Victim, honest: Honest, draft: Draft, file = victim.file) {
  const { request, answer } = signedAnswer(draft, victim, honest)
  const record = <K extends RecordOf<'run' | 'request' | 'response' | 'seal'>['kind']>(kind: K, body: unknown) =>
    ({ v: 3, kind, runId: 'run', seq: 0, atMs: 0, parents: [], body }) as unknown as RecordOf<K>
  const epochs = createPublicEpochs(
    {
      crypto: nodeCrypto,
      engine: null,
      kernels: nodeKernels(),
      attestation: null,
      randomWords,
      modelFile: async () => file,
      blob: async () => new Uint8Array(0),
    },
    'log.example',
  )
  const run = record('run', { models: [victim.model], keys: { workers: [] } })
  await epochs.take(0, 'ab'.repeat(32), record('response', answer), { request: record('request', request), run })
  await epochs.take(1, 'cd'.repeat(32), record('seal', { epoch: 0 }), null)
  const [epoch] = epochs.epochs
  return { held: epoch?.held, reason: epoch?.refused[0]?.reason ?? null }
}

test('an honest answer of every family holds; the file of another model is refused', async () => {
  for (const [i, victim] of victims.entries()) {
    const [honest] = victim.answers as [Honest]
    expect(await publicly(victim, honest, honestDraft(honest)), victim.family).toEqual({ held: 1, reason: null })
    const other = victims[(i + 1) % victims.length] as Victim
    expect(await publicly(victim, honest, honestDraft(honest), other.file)).toEqual({
      held: 0,
      reason: 'the model file does not have its digest',
    })
  }
})

// A statement that fits another request, and a signature that does not fit, are found when the log is read.
const OF_THE_TRACE = ['accumulators', 'size', 'output', 'shape', 'type', 'no trace', 'digest']

test.each(LIES.filter(lie => OF_THE_TRACE.includes(lie.caughtBy)))('$name is refused in public too', async lie => {
  for (const victim of victims) {
    const [honest] = victim.answers as [Honest]
    const draft = honestDraft(honest)
    lie.tell(draft, victim, honest, seededRandom(3))
    expect(await publicly(victim, honest, draft), victim.family).toMatchObject({ held: 0 })
  }
})
