import type { Command } from 'commander'
import { planCommand } from './plan.ts'
import { rehearseCommand } from './rehearse.ts'

/** `warrant treasury deploy|plan|rehearse`. */
export function treasuryCommand(program: Command): void {
  const treasury = program
    .command('treasury')
    .description("Put a Safe's agents under the module: what a DAO must sign.")
  for (const register of [planCommand, rehearseCommand]) register(treasury)
}
