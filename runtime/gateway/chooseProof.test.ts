import { expect, test } from 'vitest'
import type { ModelIdentity } from '#verifier/evidence/records/run.ts'
import { chooseProof } from './chooseProof.ts'

const model = (numeric: string) => ({ numeric, file: { sha256: '', size: 1 } }) as unknown as ModelIdentity
const exact = model('int-exact-v1')

test('the cheapest kind that every band accepts, and why', () => {
  expect(chooseProof(exact, [[['signed']]]).kind).toBe('signed')
  expect(chooseProof(exact, [[['signed']], [['freivalds'], ['replay']]]).kind).toBe('freivalds')
  expect(chooseProof(model('onnxruntime-node@1/cpu'), [[['freivalds'], ['replay']]]).kind).toBe('replay')
  expect(chooseProof(exact, [[['quorum']]], 2)).toMatchObject({ kind: 'quorum' })
})

test('of a set of two the verifier runs the model again by itself; others must be carried', () => {
  expect(chooseProof(exact, [[['freivalds', 'replay']]])).toMatchObject({
    kind: 'freivalds',
    why: expect.stringContaining('every band'),
  })
  expect(chooseProof(exact, [[['replay', 'quorum']]], 2)).toMatchObject({
    kind: 'quorum',
    why: expect.stringContaining('every band'),
  })
  expect(chooseProof(exact, [[['freivalds', 'quorum']]], 2).why).toContain('satisfies 0 of the policy')
})
