import type { Channel } from './serveChild.ts'

/** The channel of a child process to the process that started it, and with which it ends. */
export const processChannel: Channel = {
  send: message => void process.send?.(message),
  listen(receive, failed) {
    process.on('message', receive)
    // An unhandled rejection inside the strategy must not print or end the process with a stack: it ends the decision.
    process.on('unhandledRejection', failed)
    process.on('disconnect', () => process.exit(0))
  },
}
