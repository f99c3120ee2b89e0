import { generateKeyPairSync, sign } from 'node:crypto'
import { expect, test } from 'vitest'
import { verifyLater } from './verifyLater.ts'

test('of many signatures exactly the wrong ones are refused, whether few or many are asked at once', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const raw = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })).subarray(12)
  for (const count of [1, 8, 9, 64, 65, 300]) {
    const isWrong = (i: number) => i % 7 === 3
    const answers = await Promise.all(
      Array.from({ length: count }, (_, i) => {
        const message = Buffer.from(`message ${i}`)
        const signature = new Uint8Array(sign(null, message, privateKey))
        if (isWrong(i)) signature[i % 64] = (signature[i % 64] as number) ^ 1
        return verifyLater({ publicKey: raw, message, signature })
      }),
    )
    expect(answers).toEqual(Array.from({ length: count }, (_, i) => !isWrong(i)))
  }
  expect(await verifyLater({ publicKey: new Uint8Array(3), message: raw, signature: raw })).toBe(false)
})
