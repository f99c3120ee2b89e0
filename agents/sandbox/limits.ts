/** What stands between a strategy and its host besides SES: a process, or the thread that asks, which is locked down itself. */
export type Isolation = 'process' | 'thread'

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
  // Most of it is the machine: starting a process and SES takes half a second, and many times that under load.
  loadMs: 30_000,
  memoryMiB: 256,
  doors: 256,
  messageChars: 400_000,
}

/** The same, with room for LangChain itself. */
export function forLlm(limits: SandboxLimits): SandboxLimits {
  return {
    ...limits,
    memoryMiB: limits.memoryMiB + 384,
    loadMs: limits.loadMs + 20_000,
    decisionMs: limits.decisionMs + 3_000,
  }
}
