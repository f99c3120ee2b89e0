import type { Command } from 'commander'
import { registerAnchor } from './anchor.ts'
import { registerCompare } from './compare.ts'
import { registerExport } from './export.ts'
import { registerFsck } from './fsck.ts'
import { registerPin } from './pin.ts'
import { registerRetire } from './retire.ts'
import { registerServe } from './serve.ts'
import { registerShow } from './show.ts'
import { registerTail } from './tail.ts'
import { registerVerify } from './verify.ts'

/** `warrant log …`, one file per subcommand. */
export function logCommand(program: Command): void {
  const log = program.command('log').description('Keep, verify and read a log.')
  for (const register of [
    registerVerify,
    registerShow,
    registerExport,
    registerFsck,
    registerTail,
    registerCompare,
    registerAnchor,
    registerPin,
    registerRetire,
    registerServe,
  ])
    register(log)
}
