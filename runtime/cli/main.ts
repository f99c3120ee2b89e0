#!/usr/bin/env node
import { Command } from 'commander'
import { registerCommands } from './commands.ts'
import { exitWith } from './lib/exit.ts'

const program = new Command('warrant')
  .description('Autonomous DeFi agents whose every transaction carries checkable evidence of the decision behind it.')
  .showHelpAfterError('(see warrant --help)')
  .configureOutput({ writeErr: text => process.stderr.write(text) })
  // Bad usage could not run: exit code 2, as for any bad input (evidence.md §10).
  .exitOverride(error => {
    process.exit(error.exitCode === 0 ? 0 : 2)
  })

registerCommands(program)
// A reader that has seen enough (`| head`) closes the pipe: no error.
process.stdout.on('error', error => process.exit((error as NodeJS.ErrnoException).code === 'EPIPE' ? 0 : 2))
program.parseAsync().catch(exitWith)
