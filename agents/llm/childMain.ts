// The keyless child process in which an LLM agent runs: no environment, no key, no network of its own. Its clock and its
// ids are ports: the same on every run, so that nothing in a request differs in a replay.
import { endWithParent } from '../sandbox/endWithParent.ts'
import { processChannel } from '../sandbox/processChannel.ts'
import { type ChildEntry, serveChild } from '../sandbox/serveChild.ts'

endWithParent()
let ids = 0
const nextId = (): `${string}-${string}-${string}-${string}-${string}` =>
  `00000000-0000-4000-8000-${String(ids++).padStart(12, '0')}`
Math.random = () => (ids++ % 1_000) / 1_000
Date.now = () => 0
globalThis.crypto.randomUUID = nextId
globalThis.fetch = () => Promise.reject(new Error('an LLM agent has no network: it asks through its chat model'))

// LangChain is loaded only now, on the ports above.
const { llmEntry } = await import('./llmEntry.ts')

serveChild({
  channel: processChannel,
  load: bundle => llmEntry(JSON.parse(bundle)) satisfies ChildEntry,
  protect: lent => lent,
  framesOf: () => [],
})
