import type { Command } from 'commander'
import { registerNew } from './new.ts'
import { registerRotate } from './rotate.ts'
import { registerShow } from './show.ts'

/** `warrant keys …`, one file per subcommand. */
export function keysCommand(program: Command): void {
  const keys = program.command('keys').description('Make keys of every kind, tell their public parts, replace them.')
  for (const register of [registerNew, registerShow, registerRotate]) register(keys)
}
