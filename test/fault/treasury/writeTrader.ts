import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Writes the crash suite's strategy, or another one's text, as somebody else's plugin: from the package, in a folder of its own. Gives its path. */
export function writeTrader(dir: string, text?: string): string {
  const source = ['./trader/index.ts', './trader/index.js']
    .map(name => fileURLToPath(new URL(name, import.meta.url)))
    .find(existsSync) as string
  mkdirSync(dir, { recursive: true })
  const entry = join(dir, 'index.ts')
  if (text !== undefined) writeFileSync(entry, text)
  else
    writeFileSync(
      entry,
      readFileSync(source, 'utf8').replace(/['"][./]*strategies\/sdk\/index\.[jt]s['"]/, "'warrant'"),
    )
  return entry
}
