import type { Json } from './canonical.ts'

/**
 * A value whose texts are all well-formed Unicode: each lone surrogate becomes U+FFFD, in members' names too. The value
 * itself where there is none.
 */
export function toWellFormed<T>(value: T): T {
  return repaired(value as Json) as T
}

function repaired(value: Json): Json {
  if (typeof value === 'string') return value.isWellFormed() ? value : value.toWellFormed()
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    const items = value.map(repaired)
    return items.some((item, i) => item !== value[i]) ? items : value
  }
  const members = Object.entries(value).map(([name, member]) => [name, name.toWellFormed(), repaired(member)] as const)
  const isSame = members.every(([name, well, member]) => name === well && member === (value as never)[name])
  return isSame ? value : Object.fromEntries(members.map(([, name, member]) => [name, member]))
}
