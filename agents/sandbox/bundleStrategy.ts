import { existsSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Plugin } from 'esbuild'
import { digestBytes } from '#verifier/evidence/digest.ts'
import { WarrantError } from '#verifier/evidence/error.ts'

const SDK = join(dirname(fileURLToPath(import.meta.url)), '../../strategies/sdk')
const EXTENSION = fileURLToPath(import.meta.url).endsWith('.ts') ? '.ts' : '.js'
const sdkFile = (name: string) => join(SDK, `${name}${EXTENSION}`)

export type StrategyBundle = { bytes: Uint8Array; digest: string }

/**
 * Bundles a strategy module and all that it imports into one self-contained script, the thing whose digest is the
 * strategy's identity. A strategy may import the SDK, zod and its own files; anything else is refused by file and line.
 *
 * @throws FILE_MISSING, STRATEGY_INVALID
 */
export async function bundleStrategy(entry: string): Promise<StrategyBundle> {
  const path = resolve(entry)
  if (!existsSync(path)) throw new WarrantError('FILE_MISSING', `${entry}: no such strategy module`)
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
    // White space and comments go: the sandbox refuses text that looks like an import expression or an HTML comment.
    minifyWhitespace: true,
    legalComments: 'none',
    logLevel: 'silent',
    plugins: [onlyOwnImports(dirname(path))],
  }).catch((error: { errors?: { text: string; location: { file: string; line: number } | null }[] }) => {
    const first = error.errors?.[0]
    const where = first?.location ? `${first.location.file}:${first.location.line}: ` : `${entry}: `
    throw new WarrantError('STRATEGY_INVALID', `${where}${first?.text ?? String(error)}`)
  })
  const bytes = result.outputFiles[0]?.contents
  if (bytes === undefined) throw new WarrantError('STRATEGY_INVALID', `${entry}: the bundler produced nothing`)
  return { bytes, digest: digestBytes('strategy', bytes) }
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
