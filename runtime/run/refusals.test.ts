import { expect, test } from 'vitest'
import { createRefusals } from './refusals.ts'

const paused = { kind: 'Paused', words: 'the module is paused', isStanding: true }

test('a reason is said once, the second in a row is an alarm, and the rest is counted', () => {
  const lines: string[] = []
  const refusals = createRefusals({ say: line => lines.push(line), alarm: line => lines.push(line) })
  for (let i = 0; i < 12; i++) refusals.take(paused)
  expect(lines).toEqual([
    'NOT SENT: the module is paused',
    'ALARM: nothing was sent 2 times in a row, though verifiers approved: the module is paused',
    'ALARM: nothing was sent 10 times in a row, though verifiers approved: the module is paused',
  ])
  expect(refusals.counts()).toEqual([{ ...paused, times: 12 }])
})

test('what goes out ends the row; another reason is said for itself', () => {
  const lines: string[] = []
  const refusals = createRefusals({ say: line => lines.push(line), alarm: line => lines.push(line) })
  for (const kind of ['BoundViolated', 'CapExceeded']) {
    refusals.take({ kind, words: kind, isStanding: false })
    refusals.sent()
  }
  expect(lines).toEqual(['NOT SENT: BoundViolated', 'NOT SENT: CapExceeded'])
})
