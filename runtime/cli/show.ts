import type { Command } from 'commander'
import { addFilterOptions } from './lib/reading/filterOptions.ts'
import { addReadOptions } from './lib/reading/readOptions.ts'
import type { ShowStoriesOptions } from './lib/showStories.ts'

/** `warrant show`. */
export function showCommand(program: Command): void {
  const show = program
    .command('show')
    .argument('<where>', "a .warrant file, a log's directory, a bundle, or the URL that serves a log")
    .option('--decision <what>', 'one decision: its tick, a leaf hash of any of its records, or its transaction')
    .option('--json', 'lines of JSON: the log, then each record of each decision, then the end (docs/reading.md)')
    .description(
      'Verify, and tell what became of decisions: one as a page, several a line each. Exit 0 clean, 1 evidence fails, 2 could not run.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  warrant show 12.warrant --vkey "$(cat trusted.vkey)"\n  warrant show runs/demo/log --answer deny --since 2026-07-01 --json',
    )
  addFilterOptions(addReadOptions(show)).action(async (where: string, options: ShowStoriesOptions) => {
    const { showStories } = await import('./lib/showStories.ts')
    process.exitCode = await showStories(where, options)
  })
}
