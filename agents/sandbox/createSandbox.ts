import { type ChildProcess, fork } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { fromUtf8 } from '#verifier/evidence/bytes.ts'
import { canonicalize, type Json } from '#verifier/evidence/canonical.ts'
import { reasonOf, WarrantError } from '#verifier/evidence/error.ts'
import type { Doors, SandboxedStrategy, SandboxPort, StrategyManifest } from '#verifier/evidence/ports/sandbox.ts'
import { decisionResult } from '#verifier/evidence/records/decision.ts'
import { modelInput } from '#verifier/evidence/records/request.ts'

/** Built as dist/agents/sandbox/childMain.js, which plain Node can run. */
const CHILD = fileURLToPath(new URL('./childMain.js', import.meta.url))
const BUILT_CHILD = fileURLToPath(new URL('../../dist/agents/sandbox/childMain.js', import.meta.url))

export type SandboxLimits = {
  /** A decision's own time: waiting for doors does not count. */
  decisionMs: number
  loadMs: number
  /** Resident memory of the whole child; its heap gets three quarters of what Node itself leaves. */
  memoryMiB: number
  /** Uses of doors in one decision. */
  doors: number
  /** Characters of one message. */
  messageChars: number
}

export const DEFAULT_LIMITS: SandboxLimits = {
  decisionMs: 2_000,
  loadMs: 10_000,
  memoryMiB: 256,
  doors: 256,
  messageChars: 400_000,
}

const manifestSchema = z.strictObject({
  name: z.string().min(1).max(200),
  version: z.string().min(1).max(200),
  market: z.strictObject({
    pair: z.strictObject({ base: z.string().min(1).max(20), quote: z.string().min(1).max(20) }),
    intervalSeconds: z.int().min(60),
    window: z.int().min(1).max(2_048),
  }),
  models: z.array(z.strictObject({ name: z.string().min(1).max(200) })).max(16),
  params: z.unknown(),
})

const fromChild = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('ready') }),
  z.strictObject({ type: z.literal('loaded'), manifest: z.string() }),
  z.strictObject({ type: z.literal('door'), id: z.int(), door: z.string(), payload: z.string() }),
  z.strictObject({ type: z.literal('result'), result: z.string() }),
  z.strictObject({ type: z.literal('failed'), reason: z.string() }),
])
type FromChild = z.infer<typeof fromChild>

const inferDoor = z.strictObject({ model: z.string(), input: modelInput })

/** The sandbox: each loaded strategy is a child process without environment, keys or streams, with SES inside. */
export function createSandbox(limits: SandboxLimits = DEFAULT_LIMITS): SandboxPort {
  return { load: (bundle, params) => loadStrategy(fromUtf8(bundle), params, limits) }
}

async function loadStrategy(bundle: string, params: Json, limits: SandboxLimits): Promise<SandboxedStrategy> {
  let child: Child | null = null
  let closed = false

  async function start(): Promise<StrategyManifest> {
    const started = await startChild(limits)
    child = started
    try {
      started.send({ type: 'load', bundle, params: canonicalize(params) })
      const answer = await started.next(limits.loadMs)
      if (answer.type === 'failed')
        throw new WarrantError('STRATEGY_INVALID', `the strategy does not load: ${answer.reason}`)
      if (answer.type !== 'loaded')
        throw new WarrantError('STRATEGY_INVALID', `the strategy answered ${answer.type} while loading`)
      const { params: _, ...manifest } = parse('manifest', manifestSchema, answer.manifest)
      return manifest
    } catch (error) {
      stop()
      throw error
    }
  }

  function stop(): void {
    child?.kill()
    child = null
  }

  async function decide(doors: Doors) {
    if (closed) throw new WarrantError('STRATEGY_FAILED', 'the sandbox is closed')
    // A child that broke a limit is gone: the next decision gets a fresh one.
    if (child === null) await start()
    const current = child as unknown as Child
    let left = limits.decisionMs
    let uses = 0
    current.send({ type: 'decide' })
    try {
      for (;;) {
        const since = performance.now()
        const message = await current.next(left)
        left -= performance.now() - since
        if (left <= 0) throw new WarrantError('SANDBOX_LIMIT', `the decision took longer than ${limits.decisionMs} ms`)
        if (message.type === 'result') return parse('result', decisionResult, message.result)
        if (message.type === 'failed')
          throw new WarrantError('STRATEGY_FAILED', `the strategy failed: ${message.reason}`)
        if (message.type !== 'door')
          throw new WarrantError('STRATEGY_FAILED', `the strategy sent ${message.type} in a decision`)
        if (++uses > limits.doors)
          throw new WarrantError('SANDBOX_LIMIT', `the decision used its doors more than ${limits.doors} times`)
        current.send(await answerDoor(doors, message))
      }
    } catch (error) {
      // Its state is unknown now: whatever it was doing, it does no more.
      stop()
      throw error
    }
  }

  const manifest = await start()
  return {
    manifest,
    decide,
    async close() {
      closed = true
      stop()
    },
  }
}

async function answerDoor(doors: Doors, { id, door, payload }: Extract<FromChild, { type: 'door' }>) {
  try {
    if (door === 'observe') return { type: 'answer', id, ok: true, payload: JSON.stringify(await doors.observe()) }
    if (door !== 'infer') throw new WarrantError('STRATEGY_FAILED', `there is no door ${door.slice(0, 40)}`)
    const { model, input } = parse('infer', inferDoor, payload)
    return { type: 'answer', id, ok: true, payload: JSON.stringify(await doors.infer(model, input)) }
  } catch (error) {
    if (error instanceof WarrantError && (error.code === 'LOG_HALTED' || error.code === 'REFUSED')) throw error
    return { type: 'answer', id, ok: false, payload: reasonOf(error) }
  }
}

function parse<T>(what: string, schema: z.ZodType<T>, text: string): T {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new WarrantError('STRATEGY_FAILED', `the strategy's ${what} is not JSON`, { cause })
  }
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new WarrantError(
    'STRATEGY_FAILED',
    `the strategy's ${what}: ${issue?.path.join('.') || '(root)'}: ${issue?.message}`,
  )
}

type Child = { send(message: object): void; next(timeoutMs: number): Promise<FromChild>; kill(): void }

async function startChild(limits: SandboxLimits): Promise<Child> {
  const process_: ChildProcess = fork(existsSync(CHILD) ? CHILD : BUILT_CHILD, [], {
    env: {},
    cwd: '/',
    execArgv: [
      `--max-old-space-size=${Math.max(32, Math.floor(((limits.memoryMiB - 64) * 3) / 4))}`,
      '--max-semi-space-size=8',
    ],
    // Its streams lead nowhere: nothing it prints reaches a terminal, a log or a parser.
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    serialization: 'json',
  })
  const inbox: FromChild[] = []
  let waiter: {
    resolve: (message: FromChild) => void
    reject: (error: unknown) => void
    timer: NodeJS.Timeout
  } | null = null
  let ended: WarrantError | null = null

  function deliver(message: FromChild): void {
    if (waiter === null) {
      if (inbox.length > limits.doors + 8)
        return end(new WarrantError('SANDBOX_LIMIT', 'the strategy flooded its host with messages'))
      inbox.push(message)
      return
    }
    const { resolve, timer } = waiter
    waiter = null
    clearTimeout(timer)
    resolve(message)
  }
  function end(reason: WarrantError): void {
    ended ??= reason
    clearInterval(watch)
    process_.removeAllListeners('message')
    process_.kill('SIGKILL')
    if (waiter !== null) {
      clearTimeout(waiter.timer)
      waiter.reject(ended)
      waiter = null
    }
  }
  const watch = setInterval(() => {
    const resident = residentMiB(process_.pid)
    if (resident !== null && resident > limits.memoryMiB) {
      end(new WarrantError('SANDBOX_LIMIT', `the strategy used more than ${limits.memoryMiB} MiB of memory`))
    }
  }, 20)
  watch.unref()
  process_.on('message', raw => {
    const text = JSON.stringify(raw)
    if (text.length > limits.messageChars)
      return end(new WarrantError('SANDBOX_LIMIT', `the strategy sent ${text.length} characters at once`))
    const parsed = fromChild.safeParse(raw)
    if (!parsed.success)
      return end(new WarrantError('STRATEGY_FAILED', 'the strategy sent something that is no message'))
    deliver(parsed.data)
  })
  process_.on('error', cause => end(new WarrantError('STRATEGY_FAILED', 'the sandbox process failed', { cause })))
  process_.on('exit', (code, signal) =>
    end(new WarrantError('SANDBOX_LIMIT', `the sandbox process ended (${signal ?? code}): most likely out of memory`)),
  )

  const child: Child = {
    send: message => {
      if (ended === null)
        process_.send(
          message,
          error => error && end(new WarrantError('STRATEGY_FAILED', 'the sandbox is gone', { cause: error })),
        )
    },
    next(timeoutMs) {
      const queued = inbox.shift()
      if (queued !== undefined) return Promise.resolve(queued)
      if (ended !== null) return Promise.reject(ended)
      return new Promise((resolve, reject) => {
        const timer = setTimeout(
          () => {
            end(new WarrantError('SANDBOX_LIMIT', `the strategy did not answer within ${Math.ceil(timeoutMs)} ms`))
          },
          Math.max(1, timeoutMs),
        )
        waiter = { resolve, reject, timer }
      })
    },
    kill: () => end(new WarrantError('STRATEGY_FAILED', 'the sandbox was closed')),
  }
  const ready = await child.next(limits.loadMs)
  if (ready.type !== 'ready') throw new WarrantError('STRATEGY_FAILED', 'the sandbox process did not start')
  return child
}

/** Resident memory by /proc; null where there is none (the heap limit alone holds there). */
function residentMiB(pid: number | undefined): number | null {
  try {
    return (Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4_096) / (1024 * 1024)
  } catch {
    return null
  }
}
