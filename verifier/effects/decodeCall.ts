import type { Call } from '#verifier/evidence/records/proposal.ts'
import { wordsOf } from './decoders/words.ts'

/** What a call does, as far as this decoder knows. Amounts in base units. */
export type DecodedCall =
  | { type: 'approve'; token: string; spender: string; amount: bigint }
  | { type: 'transfer'; token: string; to: string; amount: bigint }
  | {
      type: 'exactInputSingle'
      router: string
      tokenIn: string
      tokenOut: string
      feePips: number
      recipient: string
      deadline: bigint
      amountIn: bigint
      amountOutMinimum: bigint
      sqrtPriceLimit: bigint
    }

type Decoder = (call: Call) => DecodedCall | null

/** By selector; each written from the ABI specification, independently of the encoder in agents/build. */
const DECODERS: Record<string, Decoder> = {
  // approve(address,uint256)
  '0x095ea7b3': ({ to, data }) => {
    const words = wordsOf(data, 2)
    const spender = words?.address(0)
    const amount = words?.uint(1)
    return spender == null || amount == null ? null : { type: 'approve', token: to, spender, amount }
  },
  // transfer(address,uint256)
  '0xa9059cbb': ({ to, data }) => {
    const words = wordsOf(data, 2)
    const recipient = words?.address(0)
    const amount = words?.uint(1)
    return recipient == null || amount == null ? null : { type: 'transfer', token: to, to: recipient, amount }
  },
  // exactInputSingle((address,address,uint24,address,uint256,uint256,uint256,uint160))
  '0x414bf389': ({ to, data }) => {
    const words = wordsOf(data, 8)
    if (words === null) return null
    const [tokenIn, tokenOut, recipient] = [words.address(0), words.address(1), words.address(3)]
    const [fee, deadline, amountIn, amountOutMinimum, sqrtPriceLimit] = [
      words.uint(2, 24),
      words.uint(4),
      words.uint(5),
      words.uint(6),
      words.uint(7, 160),
    ]
    if (tokenIn === null || tokenOut === null || recipient === null) return null
    if (fee === null || deadline === null || amountIn === null || amountOutMinimum === null || sqrtPriceLimit === null)
      return null
    return {
      type: 'exactInputSingle',
      router: to,
      tokenIn,
      tokenOut,
      feePips: Number(fee),
      recipient,
      deadline,
      amountIn,
      amountOutMinimum,
      sqrtPriceLimit,
    }
  },
}

/** What a call does, or null for one that cannot be decoded: the caller MUST refuse it. Native value is refused too. */
export function decodeCall(call: Call): DecodedCall | null {
  if (call.value !== '0') return null
  const selector = call.data.slice(0, 10)
  return Object.hasOwn(DECODERS, selector) ? (DECODERS[selector] as Decoder)(call) : null
}
