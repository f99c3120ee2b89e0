// Builds dist/: TypeScript by tsc, contracts by solc, WebAssembly kernels by asc, each only when its sources changed (a digest decides, not a date).
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const SOURCES = ['agents', 'strategies', 'verifier', 'runtime', 'config', 'test']

/** Builds what changed. Returns the exit code: 0, or 1 when a compiler refused. */
export async function build(root) {
  const files = SOURCES.flatMap(dir => walk(join(root, dir)))
  const stampFile = join(root, 'dist', '.stamp')
  const stamp = digestOf(root, [
    ...files,
    ...['package.json', 'tsconfig.json', 'tsconfig.build.json'].map(name => join(root, name)),
  ])
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return 0
  const contracts = await compileContracts(
    root,
    files.filter(file => file.endsWith('.sol') && !relative(root, file).startsWith('test')),
  )
  if (contracts !== 0) return contracts
  const kernels = await compileKernels(
    root,
    files.filter(file => dirname(file).endsWith(join('kernels', 'assembly'))),
  )
  if (kernels !== 0) return kernels
  for (const dir of SOURCES) rmSync(join(root, 'dist', dir), { recursive: true, force: true })
  const tsc = spawnSync(
    process.execPath,
    [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'],
    {
      cwd: root,
      stdio: ['ignore', 2, 2],
    },
  )
  if (tsc.status !== 0) return 1
  for (const file of files.filter(name => /\.(onnx|html|css|yaml|json|wasm)$/.test(name))) {
    const target = join(root, 'dist', relative(root, file))
    mkdirSync(dirname(target), { recursive: true })
    copyFileSync(file, target)
  }
  writeFileSync(stampFile, stamp)
  return 0
}

function walk(dir) {
  return readdirSync(dir, { withFileTypes: true })
    .flatMap(entry => (entry.isDirectory() ? walk(join(dir, entry.name)) : [join(dir, entry.name)]))
    .sort()
}

function digestOf(root, files) {
  const hash = createHash('sha256')
  for (const file of files)
    hash
      .update(`${relative(root, file)}\0`)
      .update(readFileSync(file))
      .update('\0')
  return hash.digest('hex')
}

async function compileContracts(root, files) {
  const out = join(root, 'dist', 'contracts')
  const stamp = digestOf(root, [...files, join(root, 'config/build.mjs'), join(root, 'node_modules/solc/package.json')])
  const stampFile = join(out, '.stamp')
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return 0
  const { default: solc } = await import('solc')
  const input = {
    language: 'Solidity',
    sources: Object.fromEntries(files.map(file => [relative(root, file), { content: readFileSync(file, 'utf8') }])),
    settings: {
      optimizer: { enabled: true, runs: 200 },
      viaIR: true,
      evmVersion: 'cancun',
      outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object', 'evm.deployedBytecode'] } },
    },
  }
  const result = JSON.parse(solc.compile(JSON.stringify(input)))
  const problems = (result.errors ?? []).filter(error => error.severity !== 'info')
  for (const problem of problems) console.error(problem.formattedMessage)
  if (problems.length > 0) return 1
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out, { recursive: true })
  for (const [, byName] of Object.entries(result.contracts)) {
    for (const [name, artifact] of Object.entries(byName)) {
      if (artifact.evm.bytecode.object === '' && artifact.abi.length === 0) continue
      writeFileSync(
        join(out, `${name}.json`),
        JSON.stringify({
          abi: artifact.abi,
          bytecode: `0x${artifact.evm.bytecode.object}`,
          deployedBytecode: `0x${artifact.evm.deployedBytecode.object}`,
          immutables: Object.entries(artifact.evm.deployedBytecode.immutableReferences ?? {}).flatMap(([id, places]) =>
            places.map(place => ({ ...place, id })),
          ),
        }),
      )
    }
  }
  writeFileSync(stampFile, stamp)
  return 0
}

async function compileKernels(root, files) {
  const out = join(root, 'dist', 'kernels')
  const stamp = digestOf(root, [...files, join(root, 'node_modules/assemblyscript/package.json')])
  const stampFile = join(out, '.stamp')
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return 0
  const { default: asc } = await import('assemblyscript/asc')
  mkdirSync(out, { recursive: true })
  const { error, stderr } = await asc.main([
    join('verifier', 'kernels', 'assembly', 'index.ts'),
    ...['--baseDir', root, '--outFile', join('dist', 'kernels', 'kernels.wasm')],
    ...['-O3', '--enable', 'simd', '--runtime', 'stub', '--noAssert'],
  ])
  if (error !== null) {
    console.error(stderr.toString() || error.message)
    return 1
  }
  writeFileSync(stampFile, stamp)
  return 0
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exitCode = await build(dirname(dirname(fileURLToPath(import.meta.url))))
}
