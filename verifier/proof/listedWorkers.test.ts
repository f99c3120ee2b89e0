import { expect, test } from 'vitest'
import type { Policy } from '#verifier/policy/policy.ts'
import { listedWorkers } from './listedWorkers.ts'

const key = (n: number) => String(n).repeat(64)
const identities = {
  workers: [
    { publicKey: key(1), operator: 'one' },
    { publicKey: key(2), operator: 'one' },
    { publicKey: key(3), operator: 'three', untilMs: 100 },
  ],
} as Policy['identities']

test('a run record names workers; only the keys of the policy count, and the operator is the policy’s', () => {
  const run = [
    { id: 'a', operator: 'one', publicKey: key(1) },
    { id: 'b', operator: 'somebody else', publicKey: key(2) },
    { id: 'c', operator: 'three', publicKey: key(3) },
    { id: 'd', operator: 'a second operator', publicKey: key(4) },
  ]
  const told = (atMs: number) =>
    listedWorkers({ identities }, run, atMs).map(({ id, operator }) => `${id} of ${operator}`)
  expect(told(100)).toEqual(['a of one', 'b of one', 'c of three'])
  expect(told(101)).toEqual(['a of one', 'b of one'])
})
