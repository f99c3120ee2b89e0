import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import solc from 'solc'
import type { Artifact } from '#runtime/chain/artifacts.ts'
import { type Mutation, mutate } from './mutation.ts'

/** The sources, also from dist/. */
const ROOT = ['../../..', '../../../..']
  .map(up => resolve(import.meta.dirname, up))
  .find(root => existsSync(join(root, 'verifier/contracts/WarrantModule.sol'))) as string

/** The treasury's own contracts, which alone are mutated. */
const OWN = ['verifier/contracts/WarrantModule.sol', 'verifier/contracts/WarrantGuard.sol']
const CONTRACTS = ['verifier/contracts', 'verifier/contracts/interfaces', 'test/attack/chain/contracts']

type ByName = (name: string) => Artifact

/**
 * Compiles the contracts with `mutations`, in memory. By solc's legacy pipeline, which takes two seconds where the
 * build's takes nine: the same source, intact and mutated, so the comparison is of like with like. With `others`, only module and guard: the rest is theirs.
 */
export function compileContracts(mutations: readonly Mutation[], others?: ByName): ByName {
  const output = { '*': ['abi', 'evm.bytecode.object'] }
  const files = CONTRACTS.flatMap(dir =>
    readdirSync(join(ROOT, dir))
      .filter(name => name.endsWith('.sol'))
      .map(name => `${dir}/${name}`),
  )
  const result = JSON.parse(
    solc.compile(
      JSON.stringify({
        language: 'Solidity',
        sources: Object.fromEntries(
          files.map(file => [file, { content: mutate(file, readFileSync(join(ROOT, file), 'utf8'), mutations) }]),
        ),
        settings: {
          optimizer: { enabled: true, runs: 200 },
          evmVersion: 'cancun',
          outputSelection: others === undefined ? { '*': output } : Object.fromEntries(OWN.map(file => [file, output])),
        },
      }),
    ),
  ) as {
    errors?: { severity: string; formattedMessage: string }[]
    contracts: Record<string, Record<string, { abi: Artifact['abi']; evm: { bytecode: { object: string } } }>>
  }
  const wrong = result.errors?.find(({ severity }) => severity === 'error')
  if (wrong !== undefined) throw new Error(wrong.formattedMessage)
  const compiled = Object.assign({}, ...Object.values(result.contracts)) as (typeof result.contracts)[string]
  return name => {
    const contract = compiled[name]
    if (contract === undefined) {
      if (others === undefined) throw new Error(`there is no contract ${name}`)
      return others(name)
    }
    return { abi: contract.abi, bytecode: `0x${contract.evm.bytecode.object}` }
  }
}
