import { test } from 'vitest'
import { peersCase } from './peersCase.ts'

// The long form: npm run faults -- peers --cases 200
test.each([1, 2, 3, 4, 5, 6])('seed %i: nothing lost, no fork, nobody frozen', async seed => {
  await peersCase(seed)
})
