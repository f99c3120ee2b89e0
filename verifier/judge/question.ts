import type { ReadCall } from '#verifier/effects/reading.ts'

/** What a rule must know and the facts do not hold. */
export type Question =
  | { about: 'tick' | 'bars' | 'simulation' | 'decision' | 'manifest' }
  | { about: 'proof'; request: number; by: 'proof' | 'replay' }
  | { about: 'block'; number: number }
  | { about: 'read'; block: number; call: ReadCall }

/** Thrown by what looks into facts: gather answers these and judges again; whoever cannot says that the rule is unknown. */
export class NotGathered extends Error {
  readonly questions: readonly Question[]
  constructor(questions: readonly Question[]) {
    super(`the facts do not say ${[...new Set(questions.map(wordsOf))].slice(0, 3).join(', ')}`)
    this.questions = questions
  }
}

/** A question as a name that no other has. */
export function nameOf(question: Question): string {
  switch (question.about) {
    case 'proof':
      return `${question.by} ${question.request}`
    case 'block':
      return `block ${question.number}`
    case 'read':
      return `read ${question.block} ${question.call.to} ${question.call.data}`
    default:
      return question.about
  }
}

function wordsOf(question: Question): string {
  switch (question.about) {
    case 'tick':
      return "the oracle's price"
    case 'bars':
      return "the verifier's own bars"
    case 'simulation':
      return 'what the calls would do'
    case 'decision':
      return 'what the strategy decides again'
    case 'manifest':
      return 'what the strategy looks at'
    case 'proof':
      return `whether the proof of request ${question.request} holds`
    case 'block':
      return `block ${question.number}`
    case 'read':
      return `a read of ${question.call.to}`
  }
}
