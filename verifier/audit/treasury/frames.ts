import { EXECUTE_SELECTOR } from '#verifier/audit/executedCalls.ts'
import { wordsOf } from '#verifier/effects/adapters/words.ts'
import { WITHDRAWAL } from '#verifier/effects/tokenChanges.ts'
import type { CallFrame, EventLog } from '#verifier/evidence/ports/chain.ts'
import { TRANSFER, type TreasuryIdentity, topicOf } from './events.ts'

/** Selector of a Safe's execTransaction: whoever sends it, the owners signed what it says. */
export const EXEC_TRANSACTION = '0x6a761202'
/** Selectors of execTransactionFromModule and execTransactionFromModuleReturnData. */
export const FROM_MODULE: ReadonlySet<string> = new Set(['0x468721a7', '0x5229073f'])

/** The events of a transaction, by who caused them. */
export type Parts = {
  executions: string[]
  owners: EventLog[]
  module: EventLog[]
  modules: Map<string, EventLog[]>
  others: EventLog[]
  /** Whether the tracer told events; else what tokens were told to move stands for them. */
  hasEvents: boolean
}

/**
 * Walks a trace. A call of execTransaction is the owners', one of the module's `execute` the module's, one of
 * execTransactionFromModule its caller's; what they hold is theirs, the innermost first. What failed changed nothing.
 */
export function partsOf(root: CallFrame, identity: TreasuryIdentity): Parts {
  const { safe, module } = identity
  const hasEvents = root.logs !== null
  const parts: Parts = { executions: [], owners: [], module: [], modules: new Map(), others: [], hasEvents }

  function ofModule(address: string): EventLog[] {
    if (address === module) return parts.module
    const known = parts.modules.get(address)
    if (known !== undefined) return known
    const fresh: EventLog[] = []
    parts.modules.set(address, fresh)
    return fresh
  }

  function walk(frame: CallFrame, party: EventLog[]): void {
    if (frame.failed) return
    const selector = frame.input.slice(0, 10)
    let mine = party
    if (frame.type === 'call' && frame.to === safe && selector === EXEC_TRANSACTION) mine = parts.owners
    else if (frame.type === 'call' && frame.to === safe && FROM_MODULE.has(selector)) mine = ofModule(frame.from)
    else if (frame.type === 'call' && frame.to === module && selector === EXECUTE_SELECTOR) {
      mine = parts.module
      parts.executions.push(frame.input)
    }
    mine.push(...(frame.logs ?? moved(frame, identity)))
    for (const call of frame.calls) walk(call, mine)
  }
  walk(root, parts.others)
  return parts
}

/** What a token was told to move from or to the Safe, as its event would tell it: for tracers that tell no events. */
function moved({ type, from, to, input }: CallFrame, { safe, tokens }: TreasuryIdentity): EventLog[] {
  if (type !== 'call' || to === null || !tokens.some(({ address }) => address === to)) return []
  const transfer = (
    source: string | null | undefined,
    target: string | null | undefined,
    amount: bigint | null | undefined,
  ) =>
    source == null || target == null || amount == null || (source !== safe && target !== safe)
      ? []
      : [event(to, [TRANSFER, topicOf(source), topicOf(target)], amount)]
  switch (input.slice(0, 10)) {
    case '0xa9059cbb': {
      const words = wordsOf(input, 2)
      return transfer(from, words?.address(0), words?.uint(1))
    }
    case '0x23b872dd': {
      const words = wordsOf(input, 3)
      return transfer(words?.address(0), words?.address(1), words?.uint(2))
    }
    case '0x2e1a7d4d': {
      const amount = wordsOf(input, 1)?.uint(0)
      return from === safe && amount != null ? [event(to, [WITHDRAWAL, topicOf(safe)], amount)] : []
    }
    default:
      return []
  }
}

function event(address: string, topics: string[], amount: bigint): EventLog {
  return { address, topics, data: `0x${amount.toString(16).padStart(64, '0')}` }
}
