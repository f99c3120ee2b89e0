import type { ReadAnswer, Reading } from '#verifier/effects/reading.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { BlockRef } from '#verifier/evidence/ports/chain.ts'
import type { Simulation } from '#verifier/evidence/records/verdict.ts'
import type { BarsFact, Facts, ProofFact, Told } from './facts.ts'
import { NotGathered, type Question } from './question.ts'

/** Facts as rules look into them. Each throws NotGathered for what is not there, EVIDENCE_MISSING for what could not be had. */
export type KnownFacts = {
  readonly raw: Facts
  readonly head: BlockRef
  /** The oracle's tick; null where the market had none. */
  tick(): number | null
  bars(): BarsFact
  simulation(): Simulation
  manifest(): { intervalSeconds: number; window: number }
  decision(): { field: string; recorded: string; rederived: string } | null
  proof(request: number, by: ProofFact['by']): ProofFact
  block(number: number): BlockRef | null
  /** Answers a question that needs reads, at the head block or another. */
  ask<T>(reading: Reading<T>, block?: number): T
}

/** Facts, indexed for rules. */
export function openFacts(raw: Facts): KnownFacts {
  const reads = new Map<string, ReadAnswer>()
  for (const read of raw.reads) reads.set(`${read.block} ${read.to} ${read.data}`, read)

  function value<T>(told: Told<T> | undefined, question: Question): T {
    if (told === undefined) throw new NotGathered([question])
    if ('failed' in told) throw new WarrantError('EVIDENCE_MISSING', told.failed)
    return told.value
  }

  return {
    raw,
    head: raw.head,
    tick: () => value(raw.market.tick, { about: 'tick' }),
    bars: () => value(raw.market.bars, { about: 'bars' }),
    simulation: () => value(raw.simulation, { about: 'simulation' }),
    manifest: () => value(raw.manifest, { about: 'manifest' }),
    decision: () => value(raw.decision, { about: 'decision' }),
    proof(request, by) {
      const found = raw.proofs.find(fact => fact.request === request && fact.by === by)
      if (found === undefined) throw new NotGathered([{ about: 'proof', request, by }])
      return found
    },
    block(number) {
      const found = raw.blocks.find(fact => fact.number === number)
      return value(found?.block, { about: 'block', number })
    },
    ask(reading, block = raw.head.number) {
      let step = reading.next([])
      while (step.done !== true) {
        const calls = step.value.map(({ to, data }) => ({ to, data }))
        const answers = calls.map(({ to, data }) => reads.get(`${block} ${to} ${data}`))
        const missing = calls.filter((_, i) => answers[i] === undefined)
        if (missing.length > 0) throw new NotGathered(missing.map(call => ({ about: 'read' as const, block, call })))
        step = reading.next(answers as ReadAnswer[])
      }
      return step.value
    },
  }
}
