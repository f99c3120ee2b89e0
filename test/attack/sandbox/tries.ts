/** What a hostile strategy tries, as the body of its `decide`: each returns what it got hold of, as text. */

/** Finds the way from a value to the host: by its constructors, its prototypes and what a function constructor makes. */
const HELPERS = `
const CODE = ['return process', 'return globalThis.process', 'return require', 'return this.process']
function reach(value, seen = new Set()) {
  for (let at = value; at !== null && at !== undefined && !seen.has(at) && seen.size < 64; ) {
    if (typeof at === 'object' || typeof at === 'function') seen.add(at)
    for (const read of [() => at.constructor, () => at.constructor.constructor, () => Object.getPrototypeOf(at.constructor)])
      try {
        const made = read()
        for (const code of CODE)
          for (const make of [made, made.constructor])
            try { const got = make(code)(); if (got !== undefined && got !== null && got !== globalThis) return 'REACHED ' + typeof got } catch {}
      } catch {}
    let next
    try { next = Object.getPrototypeOf(Object(at)) } catch { break }
    at = next
  }
  return foreign(value)
}
/** A value of another realm does not end in this one's Object.prototype. */
function foreign(value) {
  let at = value
  if (typeof at !== 'object' && typeof at !== 'function') return null
  for (let i = 0; at !== null && i < 64; i++) {
    if (at === Object.prototype) return null
    at = Object.getPrototypeOf(at)
  }
  return at === null && value !== null ? (Object.getPrototypeOf(value) === null ? null : 'FOREIGN ' + String(value)) : null
}
/** Overflows the stack, then calls on the way back at each of the last depths, with frames of several sizes. */
function atTheEdge(call, most = 60) {
  const caught = []
  for (const through of [f => f(), (f, ...rest) => f(...rest), f => Reflect.apply(f, null, []), f => [0].map(f)]) {
    let left = most
    const down = () => {
      try { through(down) } catch (error) {
        if (left-- > 0) { caught.push(error); try { call() } catch (other) { caught.push(other) } }
        throw error
      }
    }
    try { down() } catch (error) { caught.push(error) }
  }
  return new Set(caught)
}
function first(values) {
  for (const value of [...values]) { const got = reach(value); if (got !== null) return got }
  return null
}
`

/**
 * Everything that can be reached from the globals, from `ctx`, from answers and from errors, by properties, accessors and
 * prototypes. Foreign is what does not end in this realm's own Object.prototype, a function of no kind that this realm
 * makes, and an object of the platform's that can be changed.
 */
const WALK = `
  const kinds = [() => {}, async () => {}, function* () {}, async function* () {}].map(Object.getPrototypeOf)
  const seen = new Map()
  const foreign = []
  const todo = []
  const visit = (value, path) => {
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value)) return
    seen.set(value, path)
    todo.push(value)
  }
  visit(globalThis, 'globalThis')
  for (const name of ['Array', 'Error', 'Function', 'Promise', 'Symbol', 'Reflect', 'JSON', 'Math', 'TextEncoder', 'TextDecoder', 'RegExp', 'Date', 'eval']) visit(globalThis[name], name)
  visit(ctx, 'ctx')
  visit(await ctx.observe(), 'observation')
  visit(ctx.infer('m', Array.from({ length: 12 }, () => 1)), 'answer')
  const errors = [...atTheEdge(() => ctx.infer('m', [1]), 20), ...atTheEdge(() => new TextEncoder().encode('x'.repeat(40))), ...atTheEdge(() => { void new Error('x').stack })]
  for (const call of [() => null.x, () => ctx.infer('no', [1]), () => ctx.infer('m', [1]), () => new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array([255])), () => Math.exp(1), () => new Array(-1), () => decodeURI('%'), () => BigInt('x'), () => JSON.parse('{'), () => Function('}'), () => Promise.any([])])
    try { await call() } catch (error) { errors.push(error) }
  errors.forEach((error, i) => visit(error, 'error' + i))
  while (todo.length > 0) {
    const at = todo.pop()
    const path = seen.get(at)
    let root = at
    for (let i = 0; root !== null && i < 64; i++) {
      const up = Object.getPrototypeOf(root)
      if (up === null) break
      visit(up, path + '.__proto__')
      root = up
    }
    const isNative = typeof at === 'function' && /\\{\\s*\\[native code\\]\\s*\\}$/.test(Function.prototype.toString.call(at))
    // What has no prototype at all was made so: it leads nowhere by its constructor.
    if (root !== Object.prototype && root !== at) foreign.push(path + ': of another realm')
    if (typeof at === 'function' && at !== Function.prototype && !kinds.includes(at)) {
      let kind = at
      while (kind !== null && !kinds.includes(kind)) kind = Object.getPrototypeOf(kind)
      if (kind === null) foreign.push(path + ': a function of another realm')
      if (isNative && !Object.isFrozen(at)) foreign.push(path + ': can be changed')
    }
    for (const key of Reflect.ownKeys(at)) {
      const own = Object.getOwnPropertyDescriptor(at, key)
      visit(own.get, path + '.get ' + String(key))
      visit(own.set, path + '.set ' + String(key))
      visit(own.value, path + '.' + String(key))
      try { visit(at[key], path + '.' + String(key)) } catch (error) { visit(error, path + '.' + String(key) + ' throws') }
    }
    for (const code of ['return process', 'return globalThis.process'])
      for (const make of [at, at.constructor])
        if (typeof make === 'function' && /Function$/.test(String(make.name)))
          try { if (make(code)() !== undefined) foreign.push(path + ': makes code of the host') } catch {}
  }
  if (seen.size < 800) return 'only ' + seen.size + ' were reached'
  return foreign.length === 0 ? null : 'FOREIGN ' + foreign.slice(0, 8).join(', ')
`

const bytes = 'new Uint8Array([0xe2, 0x82, 0xac, 0xff])'
const tries: Record<string, string> = {
  'TextEncoder.encode at the edge of the stack': `return first(atTheEdge(() => new TextEncoder().encode('x'.repeat(40))))`,
  'TextEncoder.encodeInto at the edge of the stack': `const into = new Uint8Array(300); return first(atTheEdge(() => new TextEncoder().encodeInto('x'.repeat(40), into)))`,
  'TextDecoder.decode at the edge of the stack': `return first(atTheEdge(() => new TextDecoder('utf-8', { fatal: true }).decode(${bytes})))`,
  'a door at the edge of the stack': `const pending = []; const got = first(atTheEdge(() => { pending.push(ctx.infer('m', [1])) }, 40)); for (const one of pending.slice(-40)) await one.catch(error => pending.push(error)); return got ?? first(pending)`,
  'observe at the edge of the stack': `const pending = []; const got = first(atTheEdge(() => { pending.push(ctx.observe()) }, 40)); for (const one of pending.slice(-40)) try { pending.push(await one) } catch (error) { pending.push(error) } return got ?? first(pending)`,
  'ctx.log at the edge of the stack': `return first(atTheEdge(() => ctx.log?.('info', 'x', { a: 1 })))`,
  'console at the edge of the stack': `return first(atTheEdge(() => console.log('x', { a: 1 })))`,
  'error.stack at the edge of the stack': `return first(atTheEdge(() => { const e = new Error('x'); void e.stack; throw e }))`,
  'the stack of an engine error at the edge': `return first(atTheEdge(() => { try { null.x } catch (e) { void e.stack; throw e } }))`,
  'an overflow caught, its stack read at every depth': `const kept = []; const dig = n => { try { dig(n + 1) } catch (e) { kept.push(e); try { kept.push(e.stack) } catch (f) { kept.push(f) } throw e } }; try { dig(0) } catch {} return first(new Set(kept.slice(-900)))`,
  'Error.captureStackTrace at the edge of the stack': `return first(atTheEdge(() => { const o = {}; Error.captureStackTrace(o); void o.stack }))`,
  'Error.prepareStackTrace that keeps call sites': `const kept = []; try { Error.prepareStackTrace = (e, sites) => { kept.push(sites, ...sites); return 'x' } } catch {} try { null.x } catch (e) { kept.push(e, e.stack) } const o = {}; try { Error.captureStackTrace(o); kept.push(o.stack) } catch (e) { kept.push(e) } return first(kept)`,
  'a stack trace limit with a trap': `const kept = []; try { Object.defineProperty(Error, 'stackTraceLimit', { get() { kept.push(this); return 1 } }) } catch (e) { kept.push(e) } try { null.x } catch (e) { kept.push(e.stack, e) } return first(kept)`,
  'a text of a gigabyte': `let t = 'x'; const kept = []; try { for (let i = 0; i < 29; i++) t += t; new TextEncoder().encode(t) } catch (e) { kept.push(e) } return first(kept)`,
  'an array beyond memory': `const kept = []; for (const make of [() => new ArrayBuffer(2 ** 53 - 1), () => new Uint8Array(2 ** 40), () => new Array(2 ** 32), () => 'x'.repeat(2 ** 31), () => structuredClone({})]) try { make() } catch (e) { kept.push(e) } return first(kept)`,
  'a decoder fed with proxies and getters': `
    const kept = []
    const trap = new Proxy(new Uint8Array(4), { get(t, k, r) { kept.push(r); const v = Reflect.get(t, k); kept.push(v); return v }, has(t, k) { return k in t } })
    for (const input of [trap, { get byteLength() { kept.push(this); return 4 }, [Symbol.iterator]: () => ({ next() { throw new Error('x') } }) }, null, 7, 'x', [1, 2]])
      for (const call of [() => new TextDecoder().decode(input), () => new TextEncoder().encodeInto('x', input), () => new TextDecoder(input), () => new TextDecoder('utf-8', input)])
        try { kept.push(call()) } catch (e) { kept.push(e) }
    return first(kept)`,
  'an encoder fed with Symbol.toPrimitive': `const kept = []; const evil = { [Symbol.toPrimitive]() { kept.push(this); throw new Error('x') }, toString() { return this } }; for (const call of [() => new TextEncoder().encode(evil), () => new TextEncoder().encode(Symbol('x')), () => new TextDecoder(evil)]) try { kept.push(call()) } catch (e) { kept.push(e) } return first(kept)`,
  'arrays with species and subclasses as input': `
    const kept = []
    class Evil extends Array { static get [Symbol.species]() { kept.push(this); return function (...args) { kept.push(...args, this); return [] } } map(f) { kept.push(f); return super.map(f) } [Symbol.iterator]() { kept.push(this); return super[Symbol.iterator]() } }
    class Bytes extends Uint8Array { static get [Symbol.species]() { kept.push(this); return Uint8Array } get length() { kept.push(this); return 4 } }
    for (const input of [Evil.from([1, 2]), new Bytes(4), new Float32Array(2)])
      for (const call of [() => ctx.infer('m', input), () => new TextDecoder().decode(input)])
        try { kept.push(await call()) } catch (e) { kept.push(e) }
    return first(kept)`,
  'toJSON, getters and proxies in what is asked of a model': `
    const kept = []
    const body = { get a() { kept.push(this); throw new Error('x') }, toJSON(k) { kept.push(this, k); return new Proxy({}, { ownKeys(t) { kept.push(t); return [] } }) } }
    for (const call of [() => ctx.chat('m', body), () => ctx.chat('m', new Proxy(body, {})), () => ctx.infer('m', new Proxy([1], {})), () => ctx.infer(body, [1]), () => ctx.infer('m', [body])])
      try { kept.push(await call()) } catch (e) { kept.push(e, e.cause) }
    return first(kept)`,
  'thenables and async iterators that the host might await': `
    const kept = []
    const thenable = { then(resolve, reject) { kept.push(resolve, reject); resolve(1) } }
    try { kept.push(await thenable) } catch (e) { kept.push(e) }
    try { for await (const one of { [Symbol.asyncIterator]: () => ({ next: () => thenable }) }) { kept.push(one); break } } catch (e) { kept.push(e) }
    try { await ctx.infer('m', thenable) } catch (e) { kept.push(e) }
    try { await ctx.infer('m', [thenable]) } catch (e) { kept.push(e) }
    return first(kept)`,
  'causes and aggregates of errors': `
    const kept = []
    try { await ctx.infer('unknown', [1]) } catch (e) { kept.push(e, e.cause) }
    try { await ctx.chat('m', {}) } catch (e) { kept.push(e, e.cause) }
    try { await Promise.any([ctx.infer('unknown', []), Promise.reject(1)]) } catch (e) { kept.push(e, ...(e.errors ?? [])) }
    return first(kept)`,
  'own errors thrown through a door': `class Mine extends Error { get message() { throw this } }; Object.defineProperty(Mine.prototype, "constructor", { get() { throw this } }); const kept = []; try { await ctx.infer('m', [{ valueOf() { throw new Mine() } }]) } catch (e) { kept.push(e) } return first(kept)`,
  'another compartment': `const kept = []; try { const c = new Compartment({ globals: { kept }, __options__: true }); kept.push(c, c.globalThis, c.evaluate('globalThis.TextEncoder'), c.evaluate('Math.exp(1)')) ; return 'REACHED a compartment of its own' } catch (e) { kept.push(e) } return first(kept)`,
  'function constructors of every kind': `const kept = []; for (const f of [() => 1, async () => 1, function* () {}, async function* () {}, class {}, Math.exp, Math.max, ctx.infer, ctx.hold]) { try { kept.push(f.constructor) } catch (e) { kept.push(e) } } return first(kept)`,
  'everything that can be reached is of one realm': WALK,
  'globals that a host leaves': `const found = ['process', 'require', 'module', 'fetch', 'WebAssembly', 'SharedArrayBuffer', 'Atomics', 'setTimeout', 'queueMicrotask', 'structuredClone', 'performance', 'Buffer', 'hostCodec', 'Compartment', 'lockdown', 'ModuleSource', 'FinalizationRegistry', 'WeakRef'].filter(name => name in globalThis || typeof globalThis[name] !== 'undefined'); return found.length === 0 ? null : 'REACHED ' + found`,
}

/** The body of a strategy that tries one of them and holds with what it found. */
export const attackBody = (name: string): string => `${HELPERS}
  const attempt = async () => { ${tries[name]} }
  let found
  try { found = await attempt() } catch (error) { found = reach(error) }
  return ctx.hold(found === null ? 'nothing' : String(found).slice(0, 300))`

export const ATTACKS: readonly string[] = Object.keys(tries)
