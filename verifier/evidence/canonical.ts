import { fromUtf8, utf8 } from './bytes.ts'
import { WarrantError } from './error.ts'

/** JSON as the log allows it: no floats, no integers beyond ±(2^53 − 1). */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

const MAX_DEPTH = 64

/**
 * The canonical text of a value: RFC 8785, restricted to strings, booleans, null, arrays, objects and safe integers.
 * An `undefined` member is left out, as JSON.stringify does.
 *
 * @throws EVIDENCE_MALFORMED for a float, a lone surrogate, or anything that is not JSON
 */
export function canonicalize(value: unknown, depth = 0): string {
  if (depth > MAX_DEPTH) throw malformed(`nested deeper than ${MAX_DEPTH}`)
  switch (typeof value) {
    case 'string':
      return canonicalString(value)
    case 'boolean':
      return value ? 'true' : 'false'
    case 'number':
      if (!isExact(value)) throw malformed(`${value} is not a safe integer`)
      return String(value)
    case 'object': {
      if (value === null) return 'null'
      if (Array.isArray(value)) {
        // Columns of numbers are most of what is hashed here, and JSON.stringify writes exact integers canonically.
        if (value.every(isExact)) return JSON.stringify(value)
        let text = '['
        for (let i = 0; i < value.length; i++) text += (i === 0 ? '' : ',') + canonicalize(value[i], depth + 1)
        return `${text}]`
      }
      const members = value as Record<string, unknown>
      let text = '{'
      for (const key of sortedKeys(members)) {
        const member = members[key]
        if (member === undefined) continue
        text += `${text === '{' ? '' : ','}${canonicalKey(key)}${canonicalize(member, depth + 1)}`
      }
      return `${text}}`
    }
    default:
      throw malformed(`a ${typeof value} is not JSON`)
  }
}

const isExact = (value: unknown) => Number.isSafeInteger(value) && !Object.is(value, -0)

/** Keys by UTF-16 code units, which is how JavaScript compares strings, and what RFC 8785 §3.2.3 asks for. */
function sortedKeys(members: object): string[] {
  const keys = Object.keys(members)
  for (let i = 1; i < keys.length; i++) if ((keys[i - 1] as string) > (keys[i] as string)) return keys.sort()
  return keys
}

/** Canonical UTF-8 bytes of a value. @throws EVIDENCE_MALFORMED */
export function canonicalBytes(value: unknown): Uint8Array {
  return utf8(canonicalize(value))
}

/**
 * The value in canonical bytes; bytes that `canonicalize` would not have produced are refused, which also catches
 * duplicate keys, floats, white space and lone surrogates.
 *
 * @throws EVIDENCE_MALFORMED
 */
export function parseCanonical(bytes: Uint8Array): Json {
  // UTF-8 without replacement is one-to-one, so comparing texts compares bytes.
  const text = fromUtf8(bytes)
  let value: Json
  try {
    value = JSON.parse(text) as Json
  } catch (cause) {
    throw new WarrantError('EVIDENCE_MALFORMED', 'bytes are not JSON', { cause })
  }
  if (canonicalize(value) !== text) throw malformed('bytes are not the canonical encoding of their value')
  return value
}

/** The plain JSON of a value that has a canonical form. @throws EVIDENCE_MALFORMED */
export function toJson(value: unknown): Json {
  return JSON.parse(canonicalize(value)) as Json
}

/** Members' names, quoted and with their colon: a log has few, again and again. */
const KEYS = new Map<string, string>()

function canonicalKey(key: string): string {
  let text = KEYS.get(key)
  if (text === undefined) {
    text = `${canonicalString(key)}:`
    // Hostile input has many.
    if (KEYS.size < 1_000) KEYS.set(key, text)
  }
  return text
}

/** Printable ASCII but quote and backslash: what JSON writes as it is. */
const PLAIN = /^[ !#-[\]-~]*$/

function canonicalString(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`
  if (!text.isWellFormed()) throw malformed('string with a lone surrogate')
  return JSON.stringify(text)
}

function malformed(reason: string): WarrantError {
  return new WarrantError('EVIDENCE_MALFORMED', `not canonical JSON: ${reason}`)
}
