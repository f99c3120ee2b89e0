/**
 * Calls of native code in a thread that its host may end at any time. Node ends a thread by making its next step throw; an
 * addon (onnxruntime's is written with node-addon-api) that is in the middle of a call then throws in C++ what nobody can
 * catch, and the whole process aborts. So the thread says when it is inside, and the host waits until it is not.
 */
export type NativeCalls = Int32Array<SharedArrayBuffer>

/** Places in it. */
const INSIDE = 0
const STOPPED = 1

/** The longest that the host waits: a thread that is still inside by then hangs in its own code, between calls. */
const SETTLE_MS = 5_000

/** For a thread that is about to be started: it is inside until it has loaded its addons, and says so. */
export function createNativeCalls(): NativeCalls {
  const calls = new Int32Array(new SharedArrayBuffer(8))
  calls[INSIDE] = 1
  return calls
}

/** In the thread: it has come out of one. */
export function leaveNative(calls: NativeCalls): void {
  if (Atomics.sub(calls, INSIDE, 1) === 1) Atomics.notify(calls, INSIDE)
}

/** In the thread: `work`, which calls native code, unless the host has stopped it; then nothing of it happens any more. */
export async function inNative<T>(calls: NativeCalls, work: () => Promise<T>): Promise<T> {
  Atomics.add(calls, INSIDE, 1)
  try {
    if (Atomics.load(calls, STOPPED) === 0) return await work()
  } finally {
    leaveNative(calls)
  }
  return new Promise<never>(() => {})
}

/** In the host: from here on the thread begins no native call, and it is in none: it can be ended. */
export function stopNative(calls: NativeCalls): void {
  Atomics.store(calls, STOPPED, 1)
  const until = performance.now() + SETTLE_MS
  for (;;) {
    const inside = Atomics.load(calls, INSIDE)
    const left = until - performance.now()
    if (inside === 0 || left <= 0) return
    Atomics.wait(calls, INSIDE, inside, left)
  }
}
