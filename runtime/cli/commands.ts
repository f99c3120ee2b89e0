import type { Command } from 'commander'
import { approveCommand } from './approve.ts'
import { auditCommand } from './audit.ts'
import { backtestCommand } from './backtest.ts'
import { demoCommand } from './demo.ts'
import { doctorCommand } from './doctor.ts'
import { explainCommand } from './explain.ts'
import { gatewayCommand } from './gateway.ts'
import { initCommand } from './init.ts'
import { keysCommand } from './keys/keys.ts'
import { logCommand } from './log/log.ts'
import { modelCommand } from './model/model.ts'
import { parityCommand } from './parity.ts'
import { policyCommand } from './policy.ts'
import { replayCommand } from './replay.ts'
import { runCommand } from './run.ts'
import { showCommand } from './show.ts'
import { strategyCommand } from './strategy.ts'
import { tokenCommand } from './token.ts'
import { treasuryCommand } from './treasury/treasury.ts'
import { verifierCommand } from './verifier.ts'
import { witnessCommand } from './witness.ts'
import { workerCommand } from './worker.ts'

/** Every command, one file each. What a command needs is loaded when it runs, so that `--help` is quick. */
export function registerCommands(program: Command): void {
  for (const register of [
    demoCommand,
    doctorCommand,
    explainCommand,
    gatewayCommand,
    initCommand,
    keysCommand,
    runCommand,
    showCommand,
    strategyCommand,
    logCommand,
    modelCommand,
    parityCommand,
    policyCommand,
    replayCommand,
    approveCommand,
    auditCommand,
    backtestCommand,
    tokenCommand,
    treasuryCommand,
    verifierCommand,
    witnessCommand,
    workerCommand,
  ])
    register(program)
}
