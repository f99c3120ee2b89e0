import { Command } from 'commander'
import { vi } from 'vitest'
import { registerCommands } from '#runtime/cli/commands.ts'
import { exitWith } from '#runtime/cli/lib/exit.ts'

class Exited extends Error {}

/** Runs a command in this process, as the command line would: quicker than a process of its own for each. */
export async function commandHere(
  args: readonly string[],
): Promise<{ status: number; stdout: string; stderr: string }> {
  const said = { stdout: '', stderr: '' }
  let status = 0
  const spies = [
    ...(['stdout', 'stderr'] as const).map(name =>
      vi.spyOn(process[name], 'write').mockImplementation(text => {
        said[name] += String(text)
        return true
      }),
    ),
    vi.spyOn(process, 'exit').mockImplementation(code => {
      status = Number(code)
      throw new Exited()
    }),
  ]
  const before = process.exitCode
  process.exitCode = 0
  try {
    const program = new Command('warrant').exitOverride(() => process.exit(2))
    registerCommands(program)
    await program.parseAsync(args, { from: 'user' }).catch(error => {
      if (!(error instanceof Exited)) exitWith(error)
    })
    status = Number(process.exitCode ?? 0)
  } catch (error) {
    if (!(error instanceof Exited)) throw error
  } finally {
    process.exitCode = before
    for (const spy of spies) spy.mockRestore()
  }
  return { status, ...said }
}
