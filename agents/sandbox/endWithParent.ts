import { Worker } from 'node:worker_threads'

/** How often the parent is looked for, milliseconds. */
const EVERY_MS = 1_000

/** Runs beside the strategy, and not in its realm: a strategy that never returns does not hold it up. */
const WATCH = `
const { ppid } = process
setInterval(() => {
  if (process.ppid !== ppid) process.kill(process.pid, 'SIGKILL')
}, ${EVERY_MS})
`

/**
 * Ends this process when the one that started it is gone: killed, it can end nobody, and a strategy in an endless loop never
 * hears that the channel closed.
 */
export function endWithParent(): void {
  const watch = new Worker(WATCH, {
    eval: true,
    env: {},
    stdin: false,
    resourceLimits: { maxOldGenerationSizeMb: 4, maxYoungGenerationSizeMb: 1, codeRangeSizeMb: 1, stackSizeMb: 1 },
  })
  watch.unref()
}
