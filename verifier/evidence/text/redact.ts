/** An address with a scheme, up to where it can end. What stands in `file:` is no secret. */
const URLS = /\b(?!file:)[a-z][a-z0-9+.-]{1,20}:\/\/\S+/gi
/** What a sentence puts behind an address. */
const ENDS = /[.,;:!?)\]}'"`>]+$/

/** Parts of the URLs that this process was given, which only their owners may know. */
const secrets = new Set<string>()

/** Where a URL points, and nothing else of it: scheme, host, port. */
export function originOf(url: string): string {
  if (!URL.canParse(url)) return `${/^[a-z][a-z0-9+.-]*/i.exec(url)?.[0] ?? 'an address'}://…`
  const { protocol, host, hash, username, password, pathname, search } = new URL(url)
  const isMore = username + password + search + hash !== '' || !['', '/'].includes(pathname)
  return `${protocol}//${host}${isMore ? '/…' : ''}`
}

/** A host with a path, without its scheme: a URL that somebody forgot to begin. */
const BARE = /^([^/\s@]*@)?[a-z0-9-]+(\.[a-z0-9-]+)+(:\d+)?[/?]/i
/** Parameters whose value is secret, however short. */
const SECRET_NAMES = /key|token|secret|pass|auth/i

/**
 * Remembers what is secret in a URL, however it is told of later: a node's answer may quote the key that it refused.
 * Passwords, and what of a path or query looks like a key. One that cannot be parsed is kept by its parts.
 */
export function keepUrlSecret(url: string): void {
  const parsed = parse(url)
  if (parsed === null) {
    // What stands before an @ is who may come in; what follows the host, where.
    if (/^[a-z][a-z0-9+.-]*:\/\//i.test(url)) for (const part of url.split(/[/?&=#@:]+/)) keepIfSecret(part)
    return
  }
  const { username, password, pathname, searchParams, hash } = parsed
  keepSecret(password)
  for (const part of [username, ...pathname.split('/'), hash.slice(1)]) keepIfSecret(part)
  for (const [name, value] of searchParams) {
    if (SECRET_NAMES.test(name)) keepSecret(value)
    else keepIfSecret(value)
  }
}

function parse(url: string): URL | null {
  if (URL.canParse(url)) return new URL(url)
  const begun = `https://${url}`
  return BARE.test(url) && URL.canParse(begun) ? new URL(begun) : null
}

function keepIfSecret(part: string): void {
  const plain = decoded(part)
  // An address is no secret.
  if (/^0x[0-9a-f]{40}$/i.test(plain)) return
  if (plain.length >= 20 || (plain.length >= 10 && /\d/.test(plain))) keepSecret(part)
}

/** Remembers a secret: a token, a password, in the forms in which it is told. */
export function keepSecret(secret: string): void {
  for (const form of [secret, decoded(secret), encodeURIComponent(decoded(secret))])
    if (form.length >= 6) secrets.add(form)
}

/** Every URL in a configuration, however deep. */
export function keepSecretsOf(value: unknown): void {
  if (typeof value === 'string') keepUrlSecret(value)
  else if (typeof value === 'object' && value !== null) for (const item of Object.values(value)) keepSecretsOf(item)
}

/**
 * A text as it may be logged, told or printed: of every URL the origin at most, of what keepUrlSecret was told nothing.
 *
 * @example redact('failed at https://node.example/v3/4f1c…') // 'failed at https://node.example/…'
 */
export function redact(text: string): string {
  const hidden = text.replace(URLS, found => {
    const end = ENDS.exec(found)?.[0] ?? ''
    return originOf(found.slice(0, found.length - end.length)) + end
  })
  let told = hidden
  for (const secret of secrets) if (told.includes(secret)) told = told.replaceAll(secret, '…')
  return told
}

/** A text of which no key is told: digits, hexadecimal and base64 as long as a key's are left out. */
export function maskKeys(text: string): string {
  return text.replace(/(?:0x)?[0-9a-f]{24,}|[a-z0-9+/]{43}=|[a-z0-9_-]{43,}/gi, '…')
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
