import { answerLies } from './contradictions/answerLies.ts'
import { moneyLies } from './contradictions/moneyLies.ts'
import { runLies } from './contradictions/runLies.ts'
import type { Contradiction } from './contradictions/tell.ts'

/** Every lie that a record can tell about another, or about itself. */
export const CONTRADICTIONS: readonly Contradiction[] = [...runLies, ...answerLies, ...moneyLies]
