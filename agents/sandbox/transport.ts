import { fork } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { Isolation, SandboxLimits } from './limits.ts'

/** What runs in the sandbox: a script under SES, or an LLM agent's definition under LangChain. */
export type ChildKind = 'script' | 'llm'

/** Built as dist/agents/…/childMain.js, which plain Node can run. */
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

/** Starts the sandbox's code in a child process or a thread. Nothing is inherited, and its streams lead nowhere. */
export function openTransport(limits: SandboxLimits, isolation: Isolation, kind: ChildKind): Transport {
  const heapMiB = Math.max(32, Math.floor(((limits.memoryMiB - 64) * 3) / 4))
  return isolation === 'process' || kind === 'llm'
    ? openProcess(CHILD[kind], heapMiB)
    : openThread(CHILD[kind], heapMiB)
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

function openThread(path: string, heapMiB: number): Transport {
  const thread = new Worker(path, {
    env: {},
    argv: [],
    execArgv: [],
    stdin: false,
    stdout: true,
    stderr: true,
    resourceLimits: { maxOldGenerationSizeMb: heapMiB, maxYoungGenerationSizeMb: 16 },
  })
  return {
    start(listener) {
      thread.on('message', listener.message)
      thread.on('error', listener.failed)
      thread.on('exit', code => listener.ended(String(code)))
    },
    send: message => thread.postMessage(message),
    residentMiB: () => null,
    kill() {
      thread.removeAllListeners('message')
      void thread.terminate()
    },
  }
}
