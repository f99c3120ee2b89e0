import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import solc from 'solc'
import type { Abi, Hex } from 'viem'
import { ROOT } from '../root.ts'

export type Compiled = { abi: Abi; bytecode: Hex }
/** By contract name. */
export type CompiledSet = Readonly<Record<string, Compiled>>

/** Own contracts and the puppets that the specification moves them by: path, text. */
export function readSources(): Record<string, string> {
  const files = ['verifier/contracts', 'verifier/contracts/interfaces', 'test/fault/mutants/contracts'].flatMap(dir =>
    readdirSync(join(ROOT, dir))
      .filter(name => name.endsWith('.sol'))
      .map(name => `${dir}/${name}`),
  )
  return Object.fromEntries(files.map(file => [file, readFileSync(join(ROOT, file), 'utf8')]))
}

export type CompileOptions = {
  /** Slow; shows that two sources are one program. Without it a contract compiles in a third of a second. */
  optimize?: boolean
}

/**
 * The contracts of some files, without metadata, so that equal code is equal bytes. Null where the compiler refuses.
 *
 * @example compileSources(sources, ['verifier/contracts/LogAnchor.sol'])?.LogAnchor?.bytecode
 */
export function compileSources(
  sources: Readonly<Record<string, string>>,
  files: readonly string[],
  { optimize = false }: CompileOptions = {},
): CompiledSet | null {
  const output = { '*': ['abi', 'evm.bytecode.object'] }
  const input = {
    language: 'Solidity',
    sources: Object.fromEntries(Object.entries(sources).map(([file, content]) => [file, { content }])),
    settings: {
      optimizer: optimize ? { enabled: true, runs: 200 } : { enabled: false },
      metadata: { appendCBOR: false },
      // The pipeline of the build, which sees more.
      viaIR: optimize,
      evmVersion: 'cancun',
      outputSelection: Object.fromEntries(files.map(file => [file, output])),
    },
  }
  const result = JSON.parse(solc.compile(JSON.stringify(input))) as {
    errors?: { severity: string; formattedMessage: string }[]
    contracts?: Record<string, Record<string, { abi: Abi; evm: { bytecode: { object: string } } }>>
  }
  if (result.errors?.some(({ severity }) => severity === 'error')) return null
  const contracts = Object.values(result.contracts ?? {}).flatMap(byName => Object.entries(byName))
  return Object.fromEntries(
    contracts.map(([name, { abi, evm }]) => [name, { abi, bytecode: `0x${evm.bytecode.object}` as Hex }]),
  )
}
