import { WarrantError } from '#verifier/evidence/error.ts'

/** Bytes of entries that wait for their checkpoint, of one client, and how long they wait for what follows. */
const MOST_BYTES = 1024 * 1024 * 1024
const MOST_MS = 60_000
/** Handovers of one client that are in progress at once. */
const MOST_HANDOVERS = 16

/** What a client has handed over of a long log, in parts. */
type Held = { from: number; entries: Uint8Array[]; bytes: number; atMs: number }

/** Entries that wait for the checkpoint that covers them. */
export type HeldEntries = {
  /**
   * Adds a part to a client's handover `sync`, and gives all of it. A part that does not follow the last begins anew.
   *
   * @throws BAD_INPUT beyond what is held
   */
  add(client: string, sync: string, from: number, entries: readonly Uint8Array[]): Held
  /** The checkpoint came, or the handover failed. */
  drop(client: string, sync: string): void
}

/** Nothing of them counts before their checkpoint, and nobody's parts touch another's. */
export function createHeldEntries(nowMs: () => number, mostBytes = MOST_BYTES): HeldEntries {
  const byClient = new Map<string, Map<string, Held>>()

  /** The one with the least goes: who hands over a whole log is not driven out by scraps. */
  function makeRoom(held: Map<string, Held>): void {
    for (const [sync, { atMs }] of held) if (nowMs() - atMs > MOST_MS) held.delete(sync)
    if (held.size < MOST_HANDOVERS) return
    const [least] = [...held].sort(([, a], [, b]) => a.bytes - b.bytes)
    if (least !== undefined) held.delete(least[0])
  }

  return {
    add(client, sync, from, entries) {
      const held = byClient.get(client) ?? new Map<string, Held>()
      byClient.set(client, held)
      let one = held.get(sync)
      if (one === undefined || one.from + one.entries.length !== from) {
        held.delete(sync)
        makeRoom(held)
        one = { from, entries: [], bytes: 0, atMs: 0 }
        held.set(sync, one)
      }
      one.atMs = nowMs()
      for (const entry of entries) {
        one.entries.push(entry)
        one.bytes += entry.length
      }
      const total = [...held.values()].reduce((sum, { bytes }) => sum + bytes, 0)
      if (total > mostBytes) {
        held.delete(sync)
        throw new WarrantError('BAD_INPUT', `more than ${mostBytes} bytes of entries before a checkpoint`)
      }
      return one
    },
    drop(client, sync) {
      const held = byClient.get(client)
      held?.delete(sync)
      if (held?.size === 0) byClient.delete(client)
    },
  }
}
