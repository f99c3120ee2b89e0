import { existsSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Plugin } from 'esbuild'
import { utf8 } from '#verifier/evidence/bytes.ts'
import { digestBytes } from '#verifier/evidence/digest.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { escapeText } from './escapeText.ts'
import { type SourcePlaces, sourcePlaces } from './sourcePlaces.ts'

const SDK = join(dirname(fileURLToPath(import.meta.url)), '../../strategies/sdk')
const EXTENSION = fileURLToPath(import.meta.url).endsWith('.ts') ? '.ts' : '.js'
const sdkFile = (name: string) => join(SDK, `${name}${EXTENSION}`)

export type StrategyBundle = { bytes: Uint8Array; digest: string; places: SourcePlaces | null }

/**
 * Bundles a strategy module and all that it imports into one self-contained script, the thing whose digest is the
 * strategy's identity. A strategy may import the SDK, zod and its own files; anything else is refused by file and line.
 *
 * @throws FILE_MISSING, STRATEGY_INVALID
 */
export async function bundleStrategy(entry: string): Promise<StrategyBundle> {
  const path = resolve(entry)
  if (!existsSync(path)) throw new WarrantError('FILE_MISSING', `${entry}: no such strategy module`)
  if (statSync(path).isDirectory())
    throw new WarrantError('BAD_INPUT', `${entry}: is a directory, where the file of a strategy module is due`)
  const result = await build({
    stdin: {
      contents: `import strategy from ${JSON.stringify(`./${basename(path)}`)}\nimport { sandboxEntry } from 'warrant/sandbox-entry'\nexport default sandboxEntry(strategy)\n`,
      resolveDir: dirname(path),
      loader: 'ts',
    },
    bundle: true,
    write: false,
    format: 'iife',
    globalName: '__warrant_strategy',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    conditions: ['source', 'import', 'default'],
    target: 'es2023',
    // Comments go, and templates become strings: what is left of text can be escaped.
    minifyWhitespace: true,
    supported: { 'template-literal': false },
    outfile: join(dirname(path), 'strategy.js'),
    sourcemap: 'external',
    sourcesContent: false,
    legalComments: 'none',
    logLevel: 'silent',
    plugins: [onlyOwnImports(dirname(path))],
  }).catch((error: { errors?: { text: string; location: { file: string; line: number } | null }[] }) => {
    const first = error.errors?.[0]
    const where = first?.location ? `${first.location.file}:${first.location.line}: ` : `${entry}: `
    throw new WarrantError('STRATEGY_INVALID', `${where}${first?.text ?? String(error)}`)
  })
  const [map, code] = ['.map', '.js'].map(end => result.outputFiles.find(file => file.path.endsWith(end))?.text)
  if (map === undefined || code === undefined)
    throw new WarrantError('STRATEGY_INVALID', `${entry}: the bundler produced nothing`)
  const places = sourcePlaces(map, dirname(path))
  const escaped = escapeText(code, offset => {
    const before = code.slice(0, offset).split('\n')
    return places.at(before.length, (before.at(-1) as string).length + 1) ?? entry
  })
  const bytes = utf8(escaped)
  return { bytes, digest: digestBytes('strategy', bytes), places }
}

function onlyOwnImports(root: string): Plugin {
  const packageRoot = join(SDK, '../..')
  return {
    name: 'only-own-imports',
    setup(setup) {
      setup.onResolve({ filter: /.*/ }, args => {
        if (args.path === 'warrant' || args.path === 'warrant/sdk') return { path: sdkFile('index') }
        if (args.path === 'warrant/sandbox-entry') return { path: sdkFile('sandboxEntry') }
        const fromStrategy =
          args.importer === '<stdin>' || (args.importer.startsWith(`${root}/`) && !args.importer.startsWith(`${SDK}/`))
        if (args.path.startsWith('#')) {
          const relative = args.path.slice(1)
          const refused = fromStrategy && 'a strategy imports only the SDK'
          if (refused) return { errors: [{ text: `imports ${args.path}: ${refused}` }] }
          return { path: join(packageRoot, EXTENSION === '.js' ? relative.replace(/\.ts$/, '.js') : relative) }
        }
        if (args.path.startsWith('.')) {
          const target = resolve(args.resolveDir, args.path)
          if (fromStrategy && !target.startsWith(`${root}/`) && !target.startsWith(`${resolve(SDK)}/`)) {
            return { errors: [{ text: `imports ${args.path}, which lies outside the strategy's folder` }] }
          }
          return null
        }
        if (!fromStrategy || args.path === 'zod') return zodResolve(args.path)
        return {
          errors: [
            {
              text: `imports ${args.path}: a strategy may import 'warrant/sdk', 'zod' and its own files, because it runs without Node and without packages`,
            },
          ],
        }
      })
    },
  }
}

function zodResolve(path: string) {
  return { path: fileURLToPath(import.meta.resolve(path)) }
}
