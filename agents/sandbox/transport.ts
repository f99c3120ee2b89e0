import { fork } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import vm from 'node:vm'
import { build } from 'esbuild'
import type { Isolation, SandboxLimits } from './limits.ts'
import type { HostCodec } from './realmCodec.ts'
import type { serveRealm as ServeRealm } from './realmMain.ts'
import type { FromHost } from './serveChild.ts'

/** What runs in the sandbox: a script under SES, or an LLM agent's definition under LangChain. */
export type ChildKind = 'script' | 'llm'

/** Built as dist/agents/…, which plain Node can run. */
const built = (path: string) =>
  [new URL(path, import.meta.url), new URL(`../../dist/agents/sandbox/${path}`, import.meta.url)]
    .map(url => fileURLToPath(url))
    .find(existsSync) as string
const REALM = built('./realmMain.js')
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
  if (isolation === 'realm' && kind === 'script') return openRealm()
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

/** The realm's code as one script, whose value is `serveRealm`. */
let realmScript: Promise<vm.Script> | null = null

async function bundleRealm(): Promise<vm.Script> {
  const { outputFiles } = await build({
    entryPoints: [REALM],
    bundle: true,
    write: false,
    format: 'iife',
    globalName: 'realm',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    target: 'es2023',
    logLevel: 'silent',
  })
  const [bundle] = outputFiles
  if (bundle === undefined) throw new Error('the bundler produced no realm')
  return new vm.Script(`'use strict';${bundle.text}\nrealm.serveRealm`, { filename: 'realm.js' })
}

const hostCodec: HostCodec = {
  encodeInto: (text, into) => new TextEncoder().encodeInto(text, into).written,
  decode: (bytes, fatal, ignoreBOM) => new TextDecoder('utf-8', { fatal, ignoreBOM }).decode(bytes),
}

/**
 * A realm in this thread: messages cost a call instead of a wake-up. Nothing here can interrupt an endless loop: whoever
 * asks for a realm watches its thread.
 */
async function openRealm(): Promise<Transport> {
  realmScript ??= bundleRealm()
  const script = await realmScript
  const realm = vm.createContext(vm.constants.DONT_CONTEXTIFY)
  Object.assign(realm, { hostCodec })
  const serveRealm = script.runInContext(realm) as typeof ServeRealm
  let receive: ReturnType<typeof ServeRealm> | null = null
  let isOpen = true
  let failed: (error: unknown) => void = () => {}
  // Errors of the realm are not of this one; an error of this one is a fault of the host.
  const rejected = (error: unknown) => {
    if (error instanceof Error) throw error
    failed(error)
  }
  return {
    start(listener) {
      failed = error => listener.message({ type: 'failed', reason: String((error as Error)?.message ?? error) })
      process.on('unhandledRejection', rejected)
      receive = serveRealm(message => {
        if (isOpen) listener.message(message)
      })
    },
    send: message => receive?.(message as FromHost),
    residentMiB: () => null,
    kill() {
      isOpen = false
      process.off('unhandledRejection', rejected)
    },
  }
}
