import type { Command } from 'commander'
import { registerRotate } from './rotate.ts'

/** `warrant keys …`, one file per subcommand. */
export function keysCommand(program: Command): void {
  const keys = program.command('keys').description('Replace keys.')
  for (const register of [registerRotate]) register(keys)
}
