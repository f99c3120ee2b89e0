import { type Code, endsBefore, expressionEnd } from './code.ts'
import { BOTH, type Edit, type Operator, over, SOLIDITY, TYPESCRIPT } from './operator.ts'

const HEADER_WORDS =
  /^(external|public|internal|private|view|pure|payable|virtual|override|returns|function|constructor|modifier)$/

const removeModifier: Operator = {
  name: 'remove-modifier',
  says: 'a function loses a modifier such as onlySafe',
  languages: SOLIDITY,
  edits: code =>
    code.bodies.flatMap(({ header, from }) => {
      const parameters = code.tokens.findIndex(({ text }, i) => i > header && text === '(')
      const start = code.tokens[parameters]?.close ?? from
      return code.tokens.flatMap(({ kind, text }, i) =>
        i > start && i < from && kind === 'word' && !HEADER_WORDS.test(text) && depthIsHeader(code, start, i)
          ? [over(code, i, i, '')]
          : [],
      )
    }),
}

/** Whether a token of a header stands outside its brackets. */
function depthIsHeader({ tokens }: Code, start: number, index: number): boolean {
  for (let i = start + 1; i < index; i++) if ((tokens[i]?.close ?? -1) > index) return false
  return true
}

const KEEPS =
  /^(if|for|while|do|else|try|catch|switch|case|default|assembly|const|let|var|function|class|type|interface|export|import|async|enum|\{|\}|;)$/
const DECLARES = /^(u?int\d*|bytes\d*|address|bool|string|_)$/

/** Where a statement may start: after a brace, the end of another one, or the head of `if`, `for`, `while`. */
function startsStatement(code: Code, i: number): boolean {
  const before = code.tokens[i - 1]
  if (before === undefined || !code.inBody(i)) return false
  if (before.text === 'else' || before.text === ';') return !isForHeader(code, i)
  if (before.text === '{') return isBlock(code, i - 1)
  if (before.text === ')') {
    const head = code.tokens[before.close - 1]?.text ?? ''
    return (
      /^(if|for|while)$/.test(head) || (code.language === 'typescript' && endsBefore(code, i) && isInBlock(code, i))
    )
  }
  if (before.text === '}' && code.language === 'solidity') return true
  return code.language === 'typescript' && endsBefore(code, i) && isInBlock(code, i)
}

function enclosing(code: Code, index: number): number {
  for (let i = index - 1; i >= 0; i--) {
    const { close } = code.tokens[i] as (typeof code.tokens)[number]
    if (close > index) return i
  }
  return -1
}
const isForHeader = (code: Code, index: number) => code.tokens[enclosing(code, index)]?.text === '('
function isInBlock(code: Code, index: number): boolean {
  const opener = enclosing(code, index)
  return opener < 0 || (code.tokens[opener]?.text === '{' && isBlock(code, opener))
}

/** Whether a brace opens statements, not an object. */
function isBlock(code: Code, opener: number): boolean {
  if (code.language === 'solidity') return code.inBody(opener) || code.bodies.some(({ from }) => from === opener)
  const before = code.tokens[opener - 1]
  if (before === undefined) return true
  if (before.kind === 'word') return !/^(return|const|let|import|export|default|typeof|extends|type)$/.test(before.text)
  return /^([)\]};]|=>|>)$/.test(before.text)
}

const removeStatement: Operator = {
  name: 'remove-statement',
  says: 'an assignment, call, return, revert, throw, emit, continue or break is gone',
  languages: BOTH,
  edits: code =>
    code.tokens.flatMap(({ text, kind }, i) => {
      if (kind !== 'word' || KEEPS.test(text) || !startsStatement(code, i)) return []
      if (code.language === 'typescript') {
        const next = code.tokens[i + 1]?.text ?? ''
        const acts =
          /^(return|throw|await|continue|break|delete|yield)$/.test(text) ||
          /^([([.=]|\?\.|\+\+|--|[-+*|&]=|\?\?=)$/.test(next)
        return acts ? [over(code, i, expressionEnd(code, i, /^$/), '{}')] : []
      }
      const end = code.tokens.findIndex((token, at) => at >= i && token.text === ';')
      return DECLARES.test(text) && text !== '_' ? [] : [over(code, i, end, text === '_' ? '' : '{}')]
    }),
}

const negateCondition: Operator = {
  name: 'negate-condition',
  says: 'if (a), while (a), for (; a; ) and a result that is a comparison hold where a does not',
  languages: BOTH,
  edits: code =>
    code.tokens.flatMap(({ text }, i): Edit[] => {
      const next = code.tokens[i + 1]
      if ((text === 'if' || text === 'while') && next?.text === '(')
        return [over(code, i + 2, next.close - 1, `!(${code.text(i + 2, next.close - 1)})`)]
      const loop = text === 'for' ? conditionOf(code, i) : null
      if (loop !== null) return [over(code, loop.from, loop.to, `!(${code.text(loop.from, loop.to)})`)]
      if ((text !== 'return' && text !== '=>') || next?.text === ';' || next?.text === '{') return []
      const end = expressionEnd(code, i + 1, /^$/)
      return end > i && isComparison(code, i + 1, end) ? [over(code, i + 1, end, `!(${code.text(i + 1, end)})`)] : []
    }),
}

/** The middle of `for (a; b; c)`. */
function conditionOf(code: Code, loop: number): { from: number; to: number } | null {
  const open = loop + 1
  const close = code.tokens[open]?.close ?? -1
  const semicolons: number[] = []
  for (let i = open + 1; i < close; i++) {
    const token = code.tokens[i] as (typeof code.tokens)[number]
    if (token.close > i) i = token.close
    else if (token.text === ';') semicolons.push(i)
  }
  const [first, second] = semicolons
  return first === undefined || second === undefined || second === first + 1
    ? null
    : { from: first + 1, to: second - 1 }
}

function isComparison(code: Code, from: number, to: number): boolean {
  for (let i = from; i <= to; i++) {
    const token = code.tokens[i] as (typeof code.tokens)[number]
    if (token.text === '?' && code.language === 'solidity') return false
    if (/^(==|!=|===|!==|<|>|<=|>=|&&|\|\|)$/.test(token.text) && /\s/.test(code.source[token.end] ?? '')) return true
    if (token.close > i) i = token.close
  }
  return false
}

const ZEROS: Record<string, string> = {
  bool: 'false',
  address: 'address(0)',
  bytes32: 'bytes32(0)',
  bytes4: 'bytes4(0)',
}

const returnValue: Operator = {
  name: 'return-value',
  says: 'a function returns zero',
  languages: SOLIDITY,
  edits: code =>
    code.bodies.flatMap(({ header, from, to }) => {
      const returns = code.tokens.findIndex(({ text }, i) => i > header && i < from && text === 'returns')
      const type = code.tokens[returns + 2]?.text ?? ''
      if (returns < 0 || code.text(returns, from).includes(',')) return []
      const zero = /^u?int/.test(type) ? '0' : ZEROS[type]
      if (zero === undefined) return []
      return code.tokens.flatMap(({ text }, i) => {
        if (i < from || i > to || text !== 'return') return []
        const end = expressionEnd(code, i + 1, /^$/)
        return code.text(i + 1, end) === zero ? [] : [over(code, i + 1, end, zero)]
      })
    }),
}

/** Loops that look at the first element only, or leave one out. */
const shortLoop: Operator = {
  name: 'short-loop',
  says: 'a loop looks at the first element only, or at all but the last or first',
  languages: BOTH,
  edits: code =>
    code.tokens.flatMap(({ text }, i): Edit[] => {
      if (text !== 'for') return []
      const condition = conditionOf(code, i)
      if (condition !== null) {
        const [variable, whole] = [code.tokens[condition.from]?.text, code.text(condition.from, condition.to)]
        const short = [`${whole} && ${variable} < 1`, `${variable} + 1 ${whole.slice(variable?.length).trim()}`]
        return short.map(to => over(code, condition.from, condition.to, to))
      }
      const open = i + 1
      const close = code.tokens[open]?.close ?? -1
      const of = code.tokens.findIndex((token, at) => at > open && at < close && token.text === 'of')
      if (of < 0 || code.tokens[i + 1]?.text === 'await') return []
      const list = code.text(of + 1, close - 1)
      return [`[...${list}].slice(0, 1)`, `[...${list}].slice(1)`].map(to => over(code, of + 1, close - 1, to))
    }),
}

const firstElement: Operator = {
  name: 'first-element',
  says: 'xs[i] becomes xs[0]',
  languages: BOTH,
  edits: code =>
    code.tokens.flatMap(({ text }, i) =>
      text === '[' && /^(i|j|k|next)$/.test(code.tokens[i + 1]?.text ?? '') && code.tokens[i + 2]?.text === ']'
        ? [over(code, i + 1, i + 1, '0')]
        : [],
    ),
}

const storageToMemory: Operator = {
  name: 'storage-to-memory',
  says: 'what is written to is a copy',
  languages: SOLIDITY,
  edits: code => code.tokens.flatMap(({ text }, i) => (text === 'storage' ? [over(code, i, i, 'memory')] : [])),
}

const STEPS =
  /^(filter|sort|reverse|slice|trim|toLowerCase|optional|nullable|min|max|regex|refine|superRefine|flat|padStart)$/

const dropStep: Operator = {
  name: 'drop-step',
  says: 'a step of a chain is gone: .filter(…), .sort(…), .slice(…), .optional(), .min(…), .regex(…) and their like',
  languages: TYPESCRIPT,
  edits: code =>
    code.tokens.flatMap(({ text }, i) => {
      const open = code.tokens[i + 2]
      const isStep = text === '.' && STEPS.test(code.tokens[i + 1]?.text ?? '') && open?.text === '('
      return isStep && code.tokens[i - 1]?.text !== 'Math' ? [over(code, i, open.close, '')] : []
    }),
}

/** What changes a statement, a loop or a whole function. */
export const STATEMENT_OPERATORS: readonly Operator[] = [
  ...[
    removeModifier,
    removeStatement,
    negateCondition,
    returnValue,
    shortLoop,
    firstElement,
    storageToMemory,
    dropStep,
  ],
]
