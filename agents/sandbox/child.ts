import { z } from 'zod'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { Isolation, SandboxLimits } from './limits.ts'
import { type ChildKind, openTransport } from './transport.ts'

const doorNames = z.array(z.enum(['observe', 'infer']))
const lines = z.array(z.string())
const frame = z.strictObject({ line: z.int(), column: z.int() })
const fromChild = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('ready') }),
  z.strictObject({ type: z.literal('loaded'), manifest: z.string() }),
  z.strictObject({ type: z.literal('door'), id: z.int(), door: z.string(), payload: z.string() }),
  z.strictObject({ type: z.literal('result'), result: z.string(), uses: doorNames, log: lines }),
  z.strictObject({
    type: z.literal('rederived'),
    made: z.array(
      z.strictObject({
        result: z.string().nullable(),
        failure: z.string().nullable(),
        log: lines,
        asked: z.array(z.strictObject({ door: z.enum(['observe', 'infer']), payload: z.string() })),
      }),
    ),
  }),
  z.strictObject({ type: z.literal('failed'), reason: z.string(), log: lines, frames: z.array(frame) }),
])
export type FromChild = z.infer<typeof fromChild>

/** A running sandbox: messages in, messages out, and an end. */
export type Child = { send(message: object): void; next(timeoutMs: number): Promise<FromChild>; kill(): void }

export type StartChildParameters = {
  limits: SandboxLimits
  isolation: Isolation
  kind: ChildKind
  /** Ends it, whatever it is doing. */
  signal?: AbortSignal | undefined
}

/** Starts a sandbox and waits until it is ready. @throws SANDBOX_LIMIT, STRATEGY_FAILED */
export async function startChild({ limits, isolation, kind, signal }: StartChildParameters): Promise<Child> {
  const transport = await openTransport(limits, isolation, kind)
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
    signal?.removeEventListener('abort', kill)
    transport.kill()
    if (waiter !== null) {
      clearTimeout(waiter.timer)
      waiter.reject(ended)
      waiter = null
    }
  }
  const kill = () => end(new WarrantError('STRATEGY_FAILED', 'the sandbox was closed'))
  signal?.addEventListener('abort', kill)
  const watch = setInterval(() => {
    const resident = transport.residentMiB()
    if (resident !== null && resident > limits.memoryMiB) {
      end(new WarrantError('SANDBOX_LIMIT', `the strategy used more than ${limits.memoryMiB} MiB of memory`))
    }
  }, 20)
  watch.unref()
  transport.start({
    message(raw) {
      if (ended !== null) return
      const text = JSON.stringify(raw)
      if (text.length > limits.messageChars) {
        return end(new WarrantError('SANDBOX_LIMIT', `the strategy sent ${text.length} characters at once`))
      }
      const parsed = fromChild.safeParse(raw)
      if (!parsed.success)
        return end(new WarrantError('STRATEGY_FAILED', 'the strategy sent something that is no message'))
      deliver(parsed.data)
    },
    failed: cause => end(new WarrantError('STRATEGY_FAILED', 'the sandbox failed', { cause })),
    ended: how => end(new WarrantError('SANDBOX_LIMIT', `the sandbox ended (${how}): most likely out of memory`)),
  })

  const child: Child = {
    send(message) {
      if (ended === null) transport.send(message)
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
    kill,
  }
  if (signal?.aborted) kill()
  const ready = await child.next(limits.loadMs)
  if (ready.type !== 'ready') {
    kill()
    throw new WarrantError('STRATEGY_FAILED', 'the sandbox process did not start')
  }
  return child
}
