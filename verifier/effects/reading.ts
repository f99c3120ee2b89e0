import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'

/** A read of a contract: address, and the call's data, lower-case hexadecimal. */
export type ReadCall = { to: string; data: string }

/** What a node answers to a read at one block: returned bytes, or why there are none. */
export type ReadAnswer = { result: string } | { failed: string }

/**
 * A question that needs reads, apart from who makes them: it yields calls, is given their answers in order, and returns what
 * it was asked. An agent answers it from its node, a judge from recorded facts.
 *
 * @example const [word] = yield [{ to: token, data: '0x18160ddd' }]
 */
export type Reading<T> = Generator<readonly ReadCall[], T, readonly ReadAnswer[]>

/** Reads that are under way at once. */
const AT_ONCE = 32

/** Answers a question from a node, many reads at a time. A failed read is an answer; `reading` says whether it matters. */
export async function askNode<T>(reading: Reading<T>, read: (call: ReadCall) => Promise<string>): Promise<T> {
  const answer = (call: ReadCall): Promise<ReadAnswer> =>
    read(call).then(
      result => ({ result }),
      (error: unknown) => ({ failed: reasonOf(error) }),
    )
  let step = reading.next([])
  while (step.done !== true) {
    const calls = step.value
    const answers: ReadAnswer[] = []
    for (let i = 0; i < calls.length; i += AT_ONCE)
      answers.push(...(await Promise.all(calls.slice(i, i + AT_ONCE).map(answer))))
    step = reading.next(answers)
  }
  return step.value
}

/** The returned bytes of calls, in order. @throws CHAIN_FAILED with the node's reason where one has none */
export function* resultsOf(calls: readonly ReadCall[]): Reading<string[]> {
  const answers = yield calls
  return answers.map(answer => {
    if ('failed' in answer) throw new WarrantError('CHAIN_FAILED', answer.failed)
    return answer.result
  })
}

/** The returned bytes of one call. @throws CHAIN_FAILED */
export function* resultOf(call: ReadCall): Reading<string> {
  const [result] = yield* resultsOf([call])
  return result as string
}
