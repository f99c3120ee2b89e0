import { createSandbox } from '#agents/sandbox/createSandbox.ts'
import { DEFAULT_LIMITS } from '#agents/sandbox/limits.ts'

// Loads a bundle that never ends, with a limit that is never reached: whoever started this process kills it meanwhile.
const bundle = new TextEncoder().encode('for (;;) {}')
const limits = { ...DEFAULT_LIMITS, loadMs: 3_600_000 }
await createSandbox(limits).load(bundle, '{}')
