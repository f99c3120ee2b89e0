/**
 * Gathers single questions into batches of at most `most`, for places where a message costs more than its answer. What is
 * asked until `defer` calls back goes together. A batch that fails, fails each of its questions.
 */
export function createBatcher<Question, Answer>({
  most,
  defer,
  ask,
}: {
  most: number
  defer(callback: () => void): void
  /** Answers in the order of the questions. */
  ask(questions: readonly Question[]): Promise<readonly Answer[]>
}): (question: Question) => Promise<Answer> {
  type Waiting = { question: Question; resolve: (answer: Answer) => void; reject: (error: unknown) => void }
  let gathered: Waiting[] = []

  function send(): void {
    const batch = gathered
    gathered = []
    if (batch.length === 0) return
    ask(batch.map(({ question }) => question)).then(
      answers => {
        for (const [i, { resolve }] of batch.entries()) resolve(answers[i] as Answer)
      },
      error => {
        for (const { reject } of batch) reject(error)
      },
    )
  }

  return question =>
    new Promise((resolve, reject) => {
      gathered.push({ question, resolve, reject })
      if (gathered.length >= most) send()
      else if (gathered.length === 1) defer(send)
    })
}
