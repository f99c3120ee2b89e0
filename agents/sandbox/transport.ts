import { fork } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { isMainThread } from 'node:worker_threads'
import { z } from 'zod'
import { WarrantError } from '#verifier/evidence/error.ts'
import type { Isolation, SandboxLimits } from './limits.ts'
import { type FromHost, serveChild } from './serveChild.ts'

/** What runs in the sandbox: a script under SES, or an LLM agent's definition under LangChain. */
export type ChildKind = 'script' | 'llm'

/** Built as dist/agents/…, which plain Node can run. */
const built = (path: string) =>
  [new URL(path, import.meta.url), new URL(`../../dist/agents/sandbox/${path}`, import.meta.url)]
    .map(url => fileURLToPath(url))
    .find(existsSync) as string
const CHILD: Record<ChildKind, string> = { script: built('./childMain.js'), llm: built('../llm/childMain.js') }

export type TransportListener = { message(raw: unknown): void; failed(cause: unknown): void; ended(how: string): void }

/** A way to reach a sandbox and to end it. */
export type Transport = {
  start(listener: TransportListener): void
  send(message: object): void
  /** Resident memory of the sandbox alone; null where it cannot be known. */
  residentMiB(): number | null
  kill(): void
}

/** Starts the sandbox's code. Nothing is inherited, and its streams lead nowhere. */
export async function openTransport(limits: SandboxLimits, isolation: Isolation, kind: ChildKind): Promise<Transport> {
  if (isolation === 'thread' && kind === 'script') return openHere()
  const heapMiB = Math.max(32, Math.floor(((limits.memoryMiB - 64) * 3) / 4))
  return openProcess(CHILD[kind], heapMiB)
}

function openProcess(path: string, heapMiB: number): Transport {
  const child = fork(path, [], {
    env: {},
    cwd: '/',
    execArgv: [`--max-old-space-size=${heapMiB}`, '--max-semi-space-size=8'],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    serialization: 'json',
  })
  let listening: TransportListener | null = null
  return {
    start(listener) {
      listening = listener
      child.on('message', listener.message)
      child.on('error', listener.failed)
      child.on('exit', (code, signal) => listener.ended(String(signal ?? code)))
    },
    send: message => void child.send(message, error => error && listening?.failed(error)),
    residentMiB() {
      try {
        return (Number(readFileSync(`/proc/${child.pid}/statm`, 'utf8').split(' ')[1]) * 4_096) / (1024 * 1024)
      } catch {
        // No /proc: the heap limit alone holds there.
        return null
      }
    },
    kill() {
      child.removeAllListeners('message')
      child.kill('SIGKILL')
    },
  }
}

/**
 * In this thread itself, whose one realm is locked down for good: messages cost a call instead of a wake-up, and whatever
 * the host throws is of the same locked realm. Nothing here can interrupt an endless loop: whoever asks for it watches
 * the thread.
 */
async function openHere(): Promise<Transport> {
  if (isMainThread)
    throw new WarrantError('BAD_INPUT', 'a strategy without a process of its own runs in a thread of its own')
  // Its compiled parsers would run in the evaluator of the locked realm, at a fraction of the speed.
  z.config({ jitless: true })
  const { framesOf, loadBundle, protect } = await import('./compartment.ts')
  let receive: (message: FromHost) => void = () => {}
  let failed: (error: unknown) => void = () => {}
  let isOpen = true
  const rejected = (error: unknown) => {
    // A fault of the host is not the strategy's.
    if (error instanceof WarrantError) throw error
    failed(error)
  }
  return {
    start(listener) {
      process.on('unhandledRejection', rejected)
      serveChild({
        channel: {
          send(message) {
            if (isOpen) listener.message(message)
          },
          listen(taken, reject) {
            receive = taken
            failed = reject
          },
        },
        load: loadBundle,
        protect,
        framesOf,
      })
    },
    send: message => receive(message as FromHost),
    residentMiB: () => null,
    kill() {
      isOpen = false
      process.off('unhandledRejection', rejected)
    },
  }
}
