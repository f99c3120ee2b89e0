import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { DEFAULT_LIMITS, type SandboxLimits } from '#agents/sandbox/limits.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { StrategyManifest } from '#verifier/evidence/ports/sandbox.ts'
import type { Balances } from '../paperTreasury.ts'
import type { FromScout, ScoutData, ScoutStep, ToScout } from './messages.ts'
import { createNativeCalls, stopNative } from './nativeCalls.ts'

/** Steps of one message, while nothing goes wrong: waking a thread costs as much as some of them. */
const TOGETHER = 32

/** What this process itself may take between two looks. */
const SLACK_MIB = 256
const residentNow = () => process.memoryUsage.rss() / (1024 * 1024)

/** Built as dist/runtime/backtest/scout/scoutThread.js, which plain Node can run. */
const THREAD = ['./scoutThread.js', '../../../dist/runtime/backtest/scout/scoutThread.js']
  .map(path => fileURLToPath(new URL(path, import.meta.url)))
  .find(existsSync) as string

/** What a scout is to go through. */
export type ScoutTask = Omit<Extract<ToScout, { type: 'explore' }>, 'type' | 'from' | 'balances' | 'together'>

/**
 * A strategy that runs ahead of its evidence, in a thread of its own. In a backtest nothing that it sees depends on what is
 * recorded of it, so it need not wait for records and signatures; they follow, made by the same code as live.
 */
export type Scout = {
  readonly manifest: StrategyManifest
  /** Begins at tick 0 with `held`. */
  explore(task: ScoutTask, held: Balances): void
  /** The next step if it is there. */
  ready(): ScoutStep | null
  /** The next step, where the treasury holds `held`; a decision that broke a limit is a step that failed. */
  next(held: Balances): Promise<ScoutStep>
  close(): Promise<void>
}

/** Starts a scout and loads the strategy. @throws STRATEGY_INVALID, SANDBOX_LIMIT */
export async function openScout(
  bundle: Uint8Array,
  params: string,
  limits: SandboxLimits = DEFAULT_LIMITS,
): Promise<Scout> {
  const steps: ScoutStep[] = []
  let task: ScoutTask | null = null
  let thread: Worker | null = null
  let expected = 0
  let taken = 0
  let together = TOGETHER
  /** What ended the thread in a decision that is known to be the next. */
  let broken: WarrantError | null = null
  let fatal: WarrantError | null = null
  let wake: () => void = () => {}
  /** Leads the thread out of native code, where it must not be ended. */
  let settle: () => void = () => {}
  let watch: NodeJS.Timeout | null = null

  /** Starts the thread, and waits until the strategy is loaded. */
  function start(): Promise<StrategyManifest> {
    const progress = new SharedArrayBuffer(4)
    const counter = new Int32Array(progress)
    const native = createNativeCalls()
    const started = new Worker(THREAD, {
      workerData: { bundle, params, progress, native } satisfies ScoutData,
      env: {},
      argv: [],
      stdin: false,
      stdout: true,
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: limits.memoryMiB + 256 },
    })
    thread = started
    settle = () => stopNative(native)
    // Ending the process ends the thread, wherever it is.
    process.once('exit', settle)
    return new Promise((resolve, reject) => {
      let seen = 0
      let since = performance.now()
      let residentMiB = residentNow()
      let isLoaded = false
      const end = (error: WarrantError) => {
        if (thread !== started) return
        halt()
        if (isLoaded) broke(error)
        else reject(error)
      }
      watch = setInterval(() => {
        const count = Atomics.load(counter, 0)
        if (count !== seen) {
          seen = count
          since = performance.now()
          residentMiB = residentNow()
        }
        // The thread's heap has its own limit; what lies outside of it shows here only.
        if (residentNow() > residentMiB + limits.memoryMiB + SLACK_MIB)
          return end(new WarrantError('SANDBOX_LIMIT', `the strategy used more than ${limits.memoryMiB} MiB of memory`))
        // Nothing began: it is loading, or all is decided, or the host is behind.
        const limit = isLoaded && seen > 0 ? limits.decisionMs : limits.loadMs
        if (steps.length === 0 && performance.now() - since > limit)
          end(new WarrantError('SANDBOX_LIMIT', `the strategy did not answer within ${limit} ms`))
      }, 50)
      watch.unref()
      started.on('error', cause => {
        if (thread === started) forget() // It has ended: there is nothing to lead out.
        end(new WarrantError('SANDBOX_LIMIT', 'the sandbox ended: most likely out of memory', { cause }))
      })
      started.on('message', (message: FromScout) => {
        if (thread !== started) return
        if (message.type === 'steps') {
          steps.push(...message.steps)
          since = performance.now()
          return wake()
        }
        if (message.type === 'loaded') {
          isLoaded = true
          since = performance.now()
          return resolve(message.manifest)
        }
        halt()
        const error = new WarrantError(message.failure.code, message.failure.message)
        if (!isLoaded) return reject(error)
        fatal = error
        wake()
      })
    })
  }

  function halt(): void {
    if (watch !== null) clearInterval(watch)
    settle()
    forget()
    void thread?.terminate()
    thread = null
  }

  function forget(): void {
    process.off('exit', settle)
    settle = () => {}
  }

  function exploreFrom(tick: number, held: Balances): void {
    if (task !== null)
      thread?.postMessage({ type: 'explore', ...task, from: tick, balances: held, together } satisfies ToScout)
  }

  /** From here on step by step: the next time it is known which decision it was. */
  function broke(error: WarrantError): void {
    if (together === 1) broken = error
    together = 1
    wake()
  }

  function take(step: ScoutStep): ScoutStep {
    expected = step.tick + 1
    if (++taken === together) {
      thread?.postMessage({ type: 'taken', steps: taken } satisfies ToScout)
      taken = 0
    }
    return step
  }

  function ready(): ScoutStep | null {
    const step = steps.shift()
    return step === undefined ? null : take(step)
  }

  const manifest = await start()
  return {
    manifest,
    explore(given, held) {
      task = given
      exploreFrom(0, held)
    },
    ready,
    async next(held) {
      for (;;) {
        const step = ready()
        if (step !== null) return step
        if (fatal !== null) throw fatal
        if (broken !== null) {
          const failure = { code: broken.code, message: broken.shortMessage }
          broken = null
          return take({ tick: expected, balances: held, uses: [], inferences: [], log: [], decided: { failure } })
        }
        if (thread === null) {
          taken = 0
          await start()
          exploreFrom(expected, held)
        }
        await new Promise<void>(resolve => {
          wake = resolve
        })
      }
    },
    async close() {
      halt()
    },
  }
}
