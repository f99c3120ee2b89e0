import { reasonOf } from '#verifier/evidence/error.ts'
import { reasonText } from '#verifier/evidence/reasonText.ts'
import type { Case } from '#verifier/judge/case.ts'
import type { Facts, Told } from '#verifier/judge/facts.ts'
import { type Judgement, judge } from '#verifier/judge/judge.ts'
import type { Question } from '#verifier/judge/question.ts'
import { compareBars } from './compareBars.ts'
import type { GatherPorts } from './ports.ts'
import { proofFact } from './proofFact.ts'
import { rederived } from './rederived.ts'

/** What a verifier knows before it asks anybody. */
export type KnownBefore = Pick<Facts, 'nowMs' | 'head' | 'log' | 'journal'>

/** Rounds of questions at most, and reads of one verdict: what needs more stays unknown, which denies. */
const MOST_ROUNDS = 64
const MOST_READS = 4_096

/**
 * Gathers what a verdict rests on: the judge asks, the ports answer, and it judges again until it asks nothing more. So the
 * facts are what the rules looked at, and nothing else. A port that fails is a fact too: what it should tell is unknown.
 */
export async function gather(
  subject: Case,
  before: KnownBefore,
  ports: GatherPorts,
): Promise<{ facts: Facts; judgement: Judgement }> {
  const since = ports.nowMicros()
  const facts: Facts = {
    version: 1,
    proposal: subject.leaf,
    tookMicros: 0,
    ...before,
    proofs: [],
    market: { source: reasonText(ports.market.description) },
    blocks: [],
    reads: [],
  }
  // Local as a rule, and the other questions wait for it.
  await answer({ about: 'tick' }, subject, facts, ports)
  for (let round = 0; ; round++) {
    const judgement = judge(subject, facts)
    const { questions } = judgement
    const reads = questions.filter(({ about }) => about === 'read').length
    if (questions.length === 0 || round === MOST_ROUNDS || facts.reads.length + reads > MOST_READS) {
      facts.tookMicros = Math.round(ports.nowMicros() - since)
      return { facts, judgement }
    }
    await Promise.all(questions.map(question => answer(question, subject, facts, ports)))
  }
}

/** Puts the answer to a question among the facts. */
async function answer(question: Question, subject: Case, facts: Facts, ports: GatherPorts): Promise<void> {
  const { chain, market } = ports
  switch (question.about) {
    case 'tick':
      facts.market.tick = await told(async () => market.tickAt(facts.head.timestamp))
      return
    case 'bars':
      facts.market.bars = await told(() => compareBars(subject.observation, market))
      return
    case 'simulation': {
      const { policy, proposal } = subject
      facts.simulation = await told(() =>
        chain.simulate({
          from: policy.safe,
          calls: proposal.body.calls,
          blockNumber: facts.head.number,
          tokens: policy.tokens.map(({ symbol, address }) => ({ symbol, address })),
        }),
      )
      return
    }
    case 'decision':
      facts.decision = await told(() => rederived(subject, ports))
      return
    case 'manifest':
      facts.manifest = await told(async () => {
        const { intervalSeconds, window } = (await ports.strategy(subject.run)).manifest.market
        return { intervalSeconds, window }
      })
      return
    case 'proof':
      facts.proofs.push(await proofFact(subject, question, facts, ports))
      return
    case 'block': {
      const { number } = question
      facts.blocks.push({ number, block: await told(() => chain.block(number)) })
      return
    }
    case 'read': {
      const { block, call } = question
      const answered = await told(() => chain.read(call, block))
      const at = { block, ...call }
      facts.reads.push('value' in answered ? { ...at, result: answered.value } : { ...at, failed: answered.failed })
    }
  }
}

async function told<T>(ask: () => Promise<T>): Promise<Told<T>> {
  try {
    return { value: await ask() }
  } catch (error) {
    return { failed: reasonText(reasonOf(error)) }
  }
}
