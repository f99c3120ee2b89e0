import { expect, test } from 'vitest'
import type { ModelIdentity } from '#verifier/evidence/records/run.ts'
import { chooseProof } from './chooseProof.ts'

const model = (numeric: string) => ({ numeric, file: { sha256: '', size: 1 } }) as unknown as ModelIdentity
const exact = model('int-exact-v1')
const both = { operators: 2, attested: false }

test('the cheapest kind that every band accepts, and why', () => {
  expect(chooseProof(exact, [[['signed']]]).kind).toBe('signed')
  expect(chooseProof(exact, [[['signed']], [['freivalds'], ['replay']]]).kind).toBe('freivalds')
  expect(chooseProof(model('onnxruntime-node@1/cpu'), [[['freivalds'], ['replay']]]).kind).toBe('replay')
  expect(chooseProof(exact, [[['quorum']]], both)).toMatchObject({ kind: 'quorum' })
})

test('of a set of two the verifier runs the model again by itself; others must be carried', () => {
  expect(chooseProof(exact, [[['freivalds', 'replay']]])).toMatchObject({
    kind: 'freivalds',
    why: expect.stringContaining('every band'),
  })
  expect(chooseProof(exact, [[['replay', 'quorum']]], both)).toMatchObject({
    kind: 'quorum',
    why: expect.stringContaining('every band'),
  })
})

test('a set whose kinds an answer must carry together is carried together', () => {
  const attested = { operators: 2, attested: true }
  expect(chooseProof(exact, [[['freivalds', 'quorum']]], both).kind).toBe('freivalds+quorum')
  expect(chooseProof(exact, [[['tee', 'freivalds']], [['tee']]], attested).kind).toBe('freivalds+tee')
  expect(chooseProof(exact, [[['tee', 'freivalds'], ['refereed']]], attested).kind).toBe('freivalds+tee')
  expect(chooseProof(exact, [[['tee', 'replay']]], attested).kind).toBe('tee')
  expect(chooseProof(exact, [[['tee']]], both)).toMatchObject({ why: expect.stringContaining('satisfies 0 of') })
})

test('what is cheapest depends on the model: some are run again faster than their traces are checked', () => {
  const either = [[['freivalds'], ['replay']]]
  expect(chooseProof(exact, either, both, { runMicros: 7_000, checkMicros: 300 })).toEqual({
    kind: 'freivalds',
    why: 'the cheapest of signed, freivalds, replay, quorum, refereed that every band of the policy accepts, at about 300 µs to check',
  })
  expect(chooseProof(exact, either, both, { runMicros: 23_000, checkMicros: 170_000 }).kind).toBe('replay')
  expect(
    chooseProof(exact, [[['freivalds'], ['tee']]], { operators: 1, attested: true }, { runMicros: 60, checkMicros: 40 })
      .kind,
  ).toBe('freivalds')
})

test('a hosted model proves by no more than a signature, or what its gateway signed', () => {
  const hosted = (numeric: string) => ({ numeric, file: null }) as unknown as ModelIdentity
  expect(chooseProof(hosted('upstream'), [[['replay'], ['opengradient']]]).why).toContain('of signed, it satisfies 0')
  expect(chooseProof(hosted('opengradient'), [[['opengradient']]]).kind).toBe('opengradient')
})
