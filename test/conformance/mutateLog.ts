import { all, type Lie, mark } from '../attack/contradictions/tell.ts'
import { type Json, type Loose, pick } from '../attack/rewritings.ts'

type Path = readonly (string | number)[]

/**
 * Changes one thing of an honest log: a field of a record, or where a record stands.
 *
 * @returns what was changed, in words
 */
export function mutate(lie: Lie): string {
  const { random, records } = lie
  const usable = records.filter(record => all(lie, record.kind as string).includes(record))
  // By kind first: most records are of few kinds.
  const kind = pick(random, [...new Set(usable.map(record => record.kind as string))])
  const record = pick(
    random,
    usable.filter(other => other.kind === kind),
  )
  const at = records.indexOf(record)
  const roll = random()
  if (roll < 0.04) {
    records.splice(at, 1)
    return `${kind}: dropped`
  }
  if (roll < 0.08) {
    records.splice(at + 1, 0, structuredClone(record))
    return `${kind}: twice`
  }
  if (roll < 0.12) {
    records.splice(at, 1)
    records.splice(Math.floor(random() * records.length), 0, record)
    return `${kind}: moved`
  }
  const places = pathsOf(record)
  const field = pick(random, [...new Set(places.map(nameOf))])
  const path = pick(
    random,
    places.filter(other => nameOf(other) === field),
  )
  const change = changeAt(lie, path)
  // Before all else is derived from it; when it is, and before it is signed; or behind its signature.
  const when = pick(random, ['before', 'signed', 'unsigned'] as const)
  if (when === 'before') change(record)
  else mark(lie, record, { spoil: made => change(made), unsigned: when === 'unsigned' })
  return `${kind} ${field}: ${when}`
}

/** Every path in a record, but the mark that a case knows it by. */
function pathsOf(record: Loose): Path[] {
  const paths: Path[] = []
  const walk = (value: Json | undefined, path: Path) => {
    if (path.length > 0) paths.push(path)
    if (Array.isArray(value)) for (const [i, item] of value.entries()) walk(item, [...path, i])
    else if (typeof value === 'object' && value !== null)
      for (const [name, member] of Object.entries(value)) walk(member, [...path, name])
  }
  const { leaf: _, ...rest } = record
  walk(rest, [])
  return paths
}

const nameOf = (path: Path) => path.map(part => (typeof part === 'number' ? '#' : part)).join('.')

function at(record: Json | undefined, path: Path): Json | undefined {
  return path.reduce<Json | undefined>(
    (value, part) => (typeof value === 'object' && value !== null ? (value as Loose)[part as string] : undefined),
    record,
  )
}

/** A change of what stands at a path; the same each time that it is made. */
function changeAt(lie: Lie, path: Path): (record: Loose) => void {
  const { random, records } = lie
  const [choice, number] = [random(), Math.floor(random() * 1_000)]
  const others = records.flatMap(record => at(record, path) ?? [])
  const other = others.length > 0 ? (pick(random, others) as Json) : null
  const leaf = (pick(random, records).leaf ?? null) as Json
  const name = path.at(-1) as string
  return record => {
    const parent = at(record, path.slice(0, -1))
    if (typeof parent !== 'object' || parent === null) return
    const was = (parent as Loose)[name]
    // Mostly what has the right form: what has not breaks R1, whatever it says.
    if (choice < 0.03 && !Array.isArray(parent)) {
      delete (parent as Loose)[name]
      return
    }
    if (choice < 0.05 && !Array.isArray(parent)) (parent as Loose).extra = number
    else if (choice < 0.4) (parent as Loose)[name] = other
    else if (choice < 0.43) (parent as Loose)[name] = null
    else (parent as Loose)[name] = changed(was ?? null, number, leaf)
  }
}

/** Another value of the same type, or near it. */
function changed(was: Json, n: number, leaf: Json): Json {
  const one = <T>(list: readonly T[]): T => list[n % list.length] as T
  if (typeof was === 'number')
    return one([was + 1, was + 1, was - 1, was - 1, 0, -was, was + 86_400_000, Number.MAX_SAFE_INTEGER, `${was}`])
  if (typeof was === 'boolean') return one([!was, !was, !was, null, 'true'])
  if (typeof was === 'string') {
    const flipped = was.replace(/[0-9a-f](?=[^0-9a-f]*$)/, digit =>
      ((Number.parseInt(digit, 16) + 1) % 16).toString(16),
    )
    const first = was.replace(/^(0x)?[0-9a-f]/, start => start.replace(/.$/, digit => (digit === '7' ? '8' : '7')))
    const [end, start] = [Array(12).fill(flipped), Array(12).fill(first)]
    const texts = [...end, ...start, leaf, leaf, `0${was}`, `-${was}`, was.toUpperCase(), was.slice(0, -1), `${was}0`]
    return one<Json>([...texts, '', 'é\u2028\ud83d\ude00', '\u0000\n"\\', was.repeat(3), was.padEnd(201, 'x'), leaf])
  }
  if (Array.isArray(was)) {
    const [head = null, ...rest] = was
    return one<Json>([rest, [], [...was, head], [...was].reverse(), was.slice(0, -1), [...was, null], {}])
  }
  if (was === null) return one<Json>([0, '', leaf, {}, [], false])
  const [name] = Object.keys(was)
  return one<Json>([{}, [], name ?? '', { ...was, extra: n }])
}
