import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type BuildContext, context } from 'esbuild'
import { ROOT } from '../../root.ts'

/** A file's text instead of what is on the disk. */
export type Replacement = { path: string; text: string }
/** Some test files, run on demand; the first failure as text. */
export type TestRunner = { firstFailure(replaced: Replacement | null): Promise<string | null>; close(): Promise<void> }

const HERE = join(ROOT, 'test/fault/mutants/judge/vitestHere.ts')
type Made = { runDefined(): Promise<string | null> }

/** Test files in this process, bundled anew for each replacement: a fraction of a second, where a worker takes seconds. */
export async function openBundle(tests: readonly string[]): Promise<TestRunner> {
  let replaced: Replacement | null = null
  // Inside node_modules, so that packages are found from it.
  const dir = mkdtempSync(join(ROOT, 'node_modules', '.warrant-mutants-'))
  const entry = [
    ...tests.map(test => `import ${JSON.stringify(join(ROOT, test))}`),
    `export { runDefined } from ${JSON.stringify(HERE)}`,
  ].join('\n')
  const build: BuildContext = await context({
    stdin: { contents: entry, resolveDir: ROOT, loader: 'ts' },
    ...{ bundle: true, write: false, format: 'esm', platform: 'node', target: 'node20', logLevel: 'silent' },
    plugins: [
      {
        name: 'sources',
        setup({ onResolve, onLoad }) {
          onResolve({ filter: /^vitest$/ }, () => ({ path: HERE }))
          onResolve({ filter: /^#/ }, ({ path }) => ({ path: join(ROOT, path.slice(1)) }))
          onResolve({ filter: /^[^./#]/ }, ({ path }) => ({ path, external: true }))
          onLoad({ filter: /\.ts$/ }, ({ path }) => ({
            contents: located(replaced?.path === path ? replaced.text : readFileSync(path, 'utf8'), path),
            loader: 'ts',
          }))
        },
      },
    ],
  })
  let made = 0
  return {
    async firstFailure(replacement) {
      replaced = replacement
      const file = join(dir, `${made++}.mjs`)
      const strays: unknown[] = []
      const stray = (error: unknown) => void strays.push(error)
      process.on('unhandledRejection', stray).on('uncaughtException', stray)
      try {
        const { outputFiles } = await build.rebuild()
        writeFileSync(file, outputFiles?.[0]?.contents ?? '')
        const { runDefined } = (await import(pathToFileURL(file).href)) as Made
        const failed = await runDefined()
        return failed ?? (strays.length === 0 ? null : String(strays[0]))
      } catch (error) {
        return (error as Error).message
      } finally {
        process.off('unhandledRejection', stray).off('uncaughtException', stray)
        rmSync(file, { force: true })
      }
    },
    async close() {
      await build.dispose()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** A module's own place, which a bundle would tell as its own. */
const located = (text: string, path: string) =>
  text
    .replaceAll('import.meta.dirname', JSON.stringify(dirname(path)))
    .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href))
