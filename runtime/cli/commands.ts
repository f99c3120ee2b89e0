import type { Command } from 'commander'
import { auditCommand } from './audit.ts'
import { backtestCommand } from './backtest.ts'
import { demoCommand } from './demo.ts'
import { logCommand } from './log.ts'
import { replayCommand } from './replay.ts'
import { verifierCommand } from './verifier.ts'
import { witnessCommand } from './witness.ts'

/** Every command, one file each. What a command needs is loaded when it runs, so that `--help` is quick. */
export function registerCommands(program: Command): void {
  for (const register of [
    demoCommand,
    logCommand,
    replayCommand,
    auditCommand,
    backtestCommand,
    verifierCommand,
    witnessCommand,
  ])
    register(program)
}
