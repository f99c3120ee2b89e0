import type { Command } from 'commander'

/** The options that choose among records, or decisions (docs/reading.md). */
export function addFilterOptions(command: Command): Command {
  return command
    .option('--since <time>', 'from this time on, UTC: YYYY-MM-DD or YYYY-MM-DDTHH:MM[:SS]')
    .option('--until <time>', 'before this time')
    .option('--run <run>', "a run's id, or its number in the log, from 1")
    .option('--agent <name>', 'of this agent')
    .option('--kind <kinds>', 'of these kinds of records, with commas between')
    .option(
      '--answer <answer>',
      'with this answer: approve, deny, reject, ok, failed, timedOut, intents, hold, missed, success, reverted',
    )
    .option('--value <range>', 'dollars at risk as verdicts state them: 100.., ..500 or 100..500')
    .option('--text <text>', 'whose contents hold this text')
}
