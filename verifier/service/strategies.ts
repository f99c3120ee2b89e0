import { utf8 } from '#verifier/evidence/bytes.ts'
import type { CryptoPort } from '#verifier/evidence/crypto.ts'
import { digestBytes } from '#verifier/evidence/digest.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import { paramsDigest } from '#verifier/evidence/paramsText.ts'
import type { Clock } from '#verifier/evidence/ports/clock.ts'
import type { RecordedAnswers, Rederived, SandboxedStrategy, SandboxPort } from '#verifier/evidence/ports/sandbox.ts'
import type { RecordOf } from '#verifier/evidence/record.ts'
import { type Policy, validAt } from '#verifier/policy/policy.ts'

/** Sandboxes that are kept at once: each is a child process of some 55 MiB, and at most its memory limit. */
export const MOST_LOADED = 4

/** How long what broke a limit is not tried again: a busy machine may have been the reason. Doubles each time. */
const REFUSED_MS = 60_000
const MOST_REFUSED_MS = 3_600_000

/** Strategies, and answers on which one broke a limit, that are remembered at most. */
const MOST_REMEMBERED = 1_000

export type CreateStrategiesParameters = {
  policy: Policy
  crypto: CryptoPort
  sandbox: SandboxPort
  clock: Clock
  /** A payload of the log by its SHA-256. @throws EVIDENCE_MISSING */
  payload(sha256: string): Uint8Array
  mostLoaded?: number
}

/** The strategies that a verifier runs again: what the policy lists, each in a sandbox of its own, a few at a time. */
export type Strategies = {
  /**
   * A run's strategy, to derive decisions with. Its sandbox is started, and started anew once it had to make room, by the
   * first that needs it.
   *
   * @throws REFUSED when the policy does not list it now, or it broke a limit lately; STRATEGY_INVALID for what is no
   * strategy; SANDBOX_LIMIT; EVIDENCE_MISSING while its bundle was not sent
   */
  of(run: RecordOf<'run'>): Promise<SandboxedStrategy>
  /** Starts loading for the newest runs, as far as there is room. Waits for nothing; what fails is said when it is needed. */
  prepare(runs: readonly RecordOf<'run'>[]): void
  /** Ends every sandbox at once, those that are still loading too. */
  close(): Promise<void>
}

type Slot = {
  loading: Promise<SandboxedStrategy>
  loaded: SandboxedStrategy | null
  /** Who works with it; a load counts as one. */
  users: number
  abort: AbortController
}

/** Why something is not tried again. `untilMs` null: a bundle that is no strategy never will be one. */
type Refusal = { reason: string; waitMs: number; untilMs: number | null }

/** Loads what `policy` lists, and nothing else. */
export function createStrategies(parameters: CreateStrategiesParameters): Strategies {
  const { policy, crypto, sandbox, clock, payload, mostLoaded = MOST_LOADED } = parameters
  /** By identity; the least recently used first. */
  const slots = new Map<string, Slot>()
  const refusals = new Map<string, Refusal>()
  let waiting: (() => void)[] = []
  let isClosed = false

  function wake(): void {
    const woken = waiting
    waiting = []
    for (const resolve of woken) resolve()
  }

  /** A run's strategy by what it is. @throws REFUSED, EVIDENCE_MISSING, EVIDENCE_MALFORMED */
  function identityOf({ body: { strategy } }: RecordOf<'run'>) {
    if (strategy === null) throw new WarrantError('EVIDENCE_MISSING', 'the run has no strategy')
    // The digests that are compared are made here: a record may claim those of another.
    const params = paramsDigest(strategy.params, crypto)
    const listed = policy.identities.strategies.find(
      candidate => candidate.digest === strategy.digest && candidate.params === params,
    )
    if (listed === undefined)
      throw new WarrantError('REFUSED', `strategy ${strategy.name} is not on the policy's list: it is not loaded`)
    if (!validAt(listed, clock.nowMs()))
      throw new WarrantError('REFUSED', `strategy ${strategy.name} is not valid at this time: it is not loaded`)
    return { id: `${strategy.digest} ${params}`, ...strategy }
  }

  /** `what`: a strategy, or one with the answers that it is to decide on. @throws REFUSED while its failure is remembered */
  function demandNotRefused(what: string): void {
    const refusal = refusals.get(what)
    if (refusal === undefined || (refusal.untilMs !== null && refusal.untilMs <= clock.nowMs())) return
    throw new WarrantError('REFUSED', `the strategy is not run again for now: ${refusal.reason}`)
  }

  function remember(what: string, error: unknown): void {
    const code = error instanceof WarrantError ? error.code : null
    if (isClosed || code === 'REFUSED') return
    const waitMs = Math.min(2 * (refusals.get(what)?.waitMs ?? REFUSED_MS / 2), MOST_REFUSED_MS)
    const untilMs = code === 'STRATEGY_INVALID' ? null : clock.nowMs() + waitMs
    refusals.delete(what)
    refusals.set(what, { reason: reasonOf(error), waitMs, untilMs })
    if (refusals.size > MOST_REMEMBERED) refusals.delete(refusals.keys().next().value as string)
  }

  function release(slot: Slot): void {
    slot.users--
    wake()
  }

  /** Ends the sandbox that nobody has used for longest, or waits until one is not in use. */
  async function makeRoom(): Promise<void> {
    const idle = [...slots].find(([, { users }]) => users === 0)
    if (idle === undefined) return new Promise<void>(resolve => waiting.push(resolve))
    const [id, slot] = idle
    slots.delete(id)
    void slot.loaded?.close()
  }

  /** The sandbox of a strategy, loaded once however many ask at once. */
  function slotOf({ id, digest, bundle: { sha256 }, params }: ReturnType<typeof identityOf>): Slot {
    const known = slots.get(id)
    if (known !== undefined) {
      slots.delete(id)
      slots.set(id, known)
      return known
    }
    const bundle = payload(sha256)
    if (digestBytes('strategy', bundle, crypto) !== digest)
      throw new WarrantError('EVIDENCE_MALFORMED', 'the strategy bundle does not have its digest')
    const abort = new AbortController()
    const slot: Slot = { loading: sandbox.load(bundle, params, abort.signal), loaded: null, users: 1, abort }
    slots.set(id, slot)
    slot.loading
      .then(
        strategy => {
          slot.loaded = strategy
        },
        (error: unknown) => {
          remember(id, error)
          slots.delete(id)
        },
      )
      .finally(() => release(slot))
    return slot
  }

  /** Works with a run's sandbox, which stays until the work is done. */
  async function use<T>(run: RecordOf<'run'>, work: (strategy: SandboxedStrategy) => Promise<T>): Promise<T> {
    const wanted = identityOf(run)
    for (;;) {
      if (isClosed) throw new WarrantError('REFUSED', 'this verifier is ending')
      demandNotRefused(wanted.id)
      if (slots.has(wanted.id) || slots.size < mostLoaded) break
      await makeRoom()
    }
    const slot = slotOf(wanted)
    slot.users++
    try {
      return await work(await slot.loading)
    } finally {
      release(slot)
    }
  }

  /** Decides again. Answers on which a strategy broke a limit are not tried a second time for a while. */
  async function rederive(run: RecordOf<'run'>, recorded: RecordedAnswers): Promise<Rederived> {
    const answers = digestBytes('blob', utf8(JSON.stringify(recorded)), crypto)
    const what = `${identityOf(run).id} ${answers}`
    demandNotRefused(what)
    try {
      return await use(run, strategy => strategy.rederive(recorded))
    } catch (error) {
      if (error instanceof WarrantError && error.code === 'SANDBOX_LIMIT') remember(what, error)
      throw error
    }
  }

  return {
    async of(run) {
      const manifest = await use(run, async strategy => strategy.manifest)
      return {
        manifest,
        decide: doors => use(run, strategy => strategy.decide(doors)),
        rederive: recorded => rederive(run, recorded),
        close: async () => {},
      }
    },
    prepare(runs) {
      for (const run of runs.toReversed()) {
        if (isClosed || slots.size >= mostLoaded) return
        try {
          const wanted = identityOf(run)
          demandNotRefused(wanted.id)
          slotOf(wanted)
        } catch {
          // Said with the verdict that needs it.
        }
      }
    },
    async close() {
      isClosed = true
      wake()
      const ending = [...slots.values()]
      slots.clear()
      for (const { abort } of ending) abort.abort()
      await Promise.all(ending.map(({ loading }) => loading.then(strategy => strategy.close()).catch(() => {})))
    },
  }
}
