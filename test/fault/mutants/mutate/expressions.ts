import { type Code, expressionEnd, expressionStart } from './code.ts'
import { BOTH, type Edit, isSpaced, type Operator, over, replaceTokens, SOLIDITY, TYPESCRIPT } from './operator.ts'

const OPERAND_STOPS = /^(&&|\|\||\?\?|\?|:|=|=>|[-+*|&]=|return)$/

/** Each operand of `&&` and `||` is taken out in turn: it becomes what changes nothing. */
const dropOperand: Operator = {
  name: 'drop-operand',
  says: 'one side of && becomes true, of || false',
  languages: BOTH,
  edits: code =>
    code.tokens.flatMap(({ text }, i) => {
      if ((text !== '&&' && text !== '||') || !isSpaced(code, i)) return []
      const neutral = text === '&&' ? 'true' : 'false'
      const [from, to] = [expressionStart(code, i - 1, OPERAND_STOPS), expressionEnd(code, i + 1, OPERAND_STOPS)]
      return [over(code, from, i - 1, neutral), over(code, i + 1, to, neutral)]
    }),
}

const swapBranches: Operator = {
  name: 'swap-branches',
  says: 'a ? b : c becomes a ? c : b',
  languages: BOTH,
  edits: code =>
    code.tokens.flatMap(({ text }, i) => {
      if (text !== '?' || !isSpaced(code, i)) return []
      const colon = colonOf(code, i)
      if (colon === null) return []
      const end = expressionEnd(code, colon + 1, /^:$/)
      return [over(code, i + 1, end, `${code.text(colon + 1, end)} : ${code.text(i + 1, colon - 1)}`)]
    }),
}

function colonOf(code: Code, question: number): number | null {
  let nested = 0
  for (let i = question + 1; i < code.tokens.length; i++) {
    const { text, close } = code.tokens[i] as (typeof code.tokens)[number]
    if (close > i) i = close
    else if (close >= 0 || text === ';') return null
    else if (text === '?') nested++
    else if (text === ':' && nested-- === 0) return i
  }
  return null
}

const dropNot: Operator = {
  name: 'drop-not',
  says: '!a becomes a',
  languages: BOTH,
  edits: code => code.tokens.flatMap(({ text }, i) => (text === '!' ? [over(code, i, i, '')] : [])),
}

const dropMinus: Operator = {
  name: 'drop-minus',
  says: '-a becomes a',
  languages: BOTH,
  edits: code =>
    code.tokens.flatMap(({ text }, i) => {
      const before = code.tokens[i - 1]
      const isUnary = before?.kind === 'mark' ? !/^[)\]}]$/.test(before.text) : before?.text === 'return'
      return text === '-' && isUnary ? [over(code, i, i, '')] : []
    }),
}

const constant: Operator = {
  name: 'constant',
  says: 'a number becomes one more, one less, 0',
  languages: BOTH,
  edits: code =>
    code.tokens.flatMap(({ kind, text }, i) => {
      if (kind !== 'number') return []
      const plain = text.replaceAll('_', '').replace(/n$/, '')
      const tail = text.endsWith('n') ? 'n' : ''
      if (!/^(\d+|0x[0-9a-fA-F]+)$/.test(plain)) return []
      const value = BigInt(plain)
      const write = (n: bigint) =>
        plain.startsWith('0x') ? `0x${n.toString(16).padStart(plain.length - 2, '0')}` : `${n}${tail}`
      return [...new Set([value + 1n, value - 1n, 0n])]
        .filter(n => n >= 0n && n !== value)
        .map(n => over(code, i, i, write(n)))
    }),
}

const mask: Operator = {
  name: 'mask',
  says: '& 0xff becomes & 0x7f',
  languages: BOTH,
  edits: code =>
    code.tokens.flatMap(({ kind, text }, i) =>
      kind === 'number' && text.startsWith('0x') && code.tokens[i - 1]?.text === '&'
        ? [over(code, i, i, `0x${(BigInt(text) >> 1n).toString(16)}`)]
        : [],
    ),
}

/** Two neighbouring arguments change places: where their types differ it does not compile, and does not count. */
const swapArguments: Operator = {
  name: 'swap-arguments',
  says: 'f(a, b) becomes f(b, a)',
  languages: SOLIDITY,
  edits: code =>
    code.tokens.flatMap(({ text, close }, open) => {
      const before = code.tokens[open - 1]
      if (text !== '(' || before?.kind !== 'word' || !code.inBody(open)) return []
      // What commutes gives the same program.
      if (/^(if|for|while|return|returns|add|mul|and|or|xor|eq)$/.test(before.text)) return []
      const edits: Edit[] = []
      let from = open + 1
      let previous: { from: number; to: number } | null = null
      while (from < close) {
        const to = expressionEnd(code, from, /^$/)
        if (previous !== null) {
          const between = code.source.slice(code.tokens[previous.to]?.end, code.tokens[from]?.start)
          const text = `${code.text(from, to)}${between}${code.text(previous.from, previous.to)}`
          edits.push(over(code, previous.from, to, text))
        }
        previous = { from, to }
        from = to + 2
      }
      return edits
    }),
}

const SOURCES: Record<string, string> = { 'msg.sender': 'tx.origin', 'block.timestamp': 'block.number' }

const origin: Operator = {
  name: 'origin',
  says: 'msg.sender becomes tx.origin, a time a block number',
  languages: SOLIDITY,
  edits: code =>
    code.tokens.flatMap((_, i) => {
      const other = SOURCES[code.text(i, i + 2)]
      return other === undefined ? [] : [over(code, i, i + 2, other)]
    }),
}

const binary = (code: Code, i: number) => isSpaced(code, i)
const isInfix = (code: Code, i: number) => {
  const before = code.tokens[i - 1]
  return isSpaced(code, i) && (before?.kind !== 'mark' || /^[)\]]$/.test(before.text)) && before?.text !== 'return'
}

/** What changes an expression. */
export const EXPRESSION_OPERATORS: readonly Operator[] = [
  replaceTokens(
    { name: 'boundary', says: '< and <=, > and >=', languages: BOTH },
    { '<': ['<='], '<=': ['<'], '>': ['>='], '>=': ['>'] },
    binary,
  ),
  replaceTokens(
    { name: 'direction', says: '< and >, <= and >=', languages: BOTH },
    { '<': ['>'], '<=': ['>='], '>': ['<'], '>=': ['<='] },
    binary,
  ),
  replaceTokens(
    { name: 'equality', says: '== and !=', languages: BOTH },
    { '==': ['!='], '!=': ['=='], '===': ['!=='], '!==': ['==='] },
  ),
  replaceTokens({ name: 'logic', says: '&& and ||', languages: BOTH }, { '&&': ['||'], '||': ['&&'] }, binary),
  replaceTokens(
    { name: 'arithmetic', says: '+ and -, * and /, % becomes *', languages: BOTH },
    { '+': ['-'], '-': ['+'], '*': ['/'], '/': ['*'], '%': ['*'] },
    isInfix,
  ),
  replaceTokens(
    { name: 'update', says: '+= and -=, ++ and --, |= becomes =', languages: BOTH },
    { '+=': ['-='], '-=': ['+='], '++': ['--'], '--': ['++'], '|=': ['=', '&='] },
  ),
  replaceTokens(
    { name: 'bits', says: '& and |, << and >>, shifts that assign as well', languages: SOLIDITY },
    { '&': ['|'], '|': ['&'], '<<': ['>>'], '>>': ['<<'], '>>=': ['<<='], '<<=': ['>>='] },
  ),
  replaceTokens({ name: 'truth', says: 'true and false', languages: BOTH }, { true: ['false'], false: ['true'] }),
  replaceTokens(
    { name: 'extreme', says: 'max and min', languages: BOTH },
    { max: ['min'], min: ['max'] },
    (code, i) =>
      code.tokens[i - 1]?.text === '.' && (code.language === 'solidity' || code.tokens[i - 2]?.text === 'Math'),
  ),
  replaceTokens(
    { name: 'quantifier', says: 'every and some, find and findLast', languages: TYPESCRIPT },
    { every: ['some'], some: ['every'], find: ['findLast'] },
    (code, i) => code.tokens[i - 1]?.text === '.' && code.tokens[i + 1]?.text === '(',
  ),
  replaceTokens({ name: 'nullish', says: 'a ?? b becomes a && b', languages: TYPESCRIPT }, { '??': ['&&'] }),
  replaceTokens(
    { name: 'strict-object', says: 'unknown fields of a schema pass', languages: TYPESCRIPT },
    { strictObject: ['object'] },
  ),
  ...[dropOperand, swapBranches, dropNot, dropMinus, constant, mask, swapArguments, origin],
]
