import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { Abi } from 'viem'
import { WarrantError } from '#verifier/evidence/error.ts'

export type Artifact = { abi: Abi; bytecode: `0x${string}` }
export type OwnArtifact = Artifact & {
  deployedBytecode: `0x${string}`
  /** Bytes of the deployed code that the constructor fills in; `id`: which value, that each of its places has. */
  immutables: readonly { start: number; length: number; id: string }[]
}

const require = createRequire(import.meta.url)

/** One of this project's compiled contracts, from dist/contracts. @throws FILE_MISSING */
export function ownArtifact(name: string): OwnArtifact {
  for (const dir of ['../../contracts/', '../../dist/contracts/']) {
    const path = fileURLToPath(new URL(`${dir}${name}.json`, import.meta.url))
    if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8')) as OwnArtifact
  }
  throw new WarrantError('FILE_MISSING', `contract ${name} is not compiled: run npm run build`)
}

/** A protocol's published bytecode, from its npm package: what deploys it, and what stands then. @throws FILE_MISSING */
export function packageArtifact(path: string): Artifact & { deployedBytecode: `0x${string}` } {
  try {
    const { abi, bytecode, deployedBytecode } = require(path) as Record<string, unknown>
    return { abi, bytecode, deployedBytecode } as Artifact & { deployedBytecode: `0x${string}` }
  } catch (cause) {
    throw new WarrantError(
      'FILE_MISSING',
      `${path} is not installed: the devnet needs the optional dependencies (npm install --include=optional)`,
      { cause },
    )
  }
}
