#!/usr/bin/env node
import { Command } from 'commander'
import { keepSecretsOf } from '#verifier/evidence/text/redact.ts'
import { registerCommands } from './commands.ts'
import { exitWith } from './lib/exit.ts'
import { complainLines } from './lib/output.ts'

const program = new Command('warrant')
  .description('Autonomous DeFi agents whose every transaction carries checkable evidence of the decision behind it.')
  .showHelpAfterError('(see warrant --help)')
  .configureOutput({ writeErr: complainLines })
  // Bad usage could not run: exit code 2, as for any bad input (evidence.md §10).
  .exitOverride(error => {
    process.exit(error.exitCode === 0 ? 0 : 2)
  })

registerCommands(program)
// A reader that has seen enough (`| head`) closes the pipe: no error.
process.stdout.on('error', error => process.exit((error as NodeJS.ErrnoException).code === 'EPIPE' ? 0 : 2))
// What is thrown where nobody waits ends the same way: Node would print all that hangs on the error.
process.on('uncaughtException', exitWith)
// URLs stand among options too: what is secret in them is known before anything can be said of it.
program.hook('preAction', (_program, command) => keepSecretsOf([command.opts(), command.processedArgs]))
program.parseAsync().catch(exitWith)
