import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { Abi } from 'viem'
import { WarrantError } from '#verifier/evidence/error.ts'

export type Artifact = { abi: Abi; bytecode: `0x${string}` }
export type OwnArtifact = Artifact & {
  deployedBytecode: `0x${string}`
  /** Bytes of the deployed code that the constructor fills in. */
  immutables: readonly { start: number; length: number }[]
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

/** A protocol's published bytecode, from its npm package. @throws FILE_MISSING */
export function packageArtifact(path: string): Artifact {
  try {
    const { abi, bytecode } = require(path) as { abi: Abi; bytecode: string }
    return { abi, bytecode: bytecode as `0x${string}` }
  } catch (cause) {
    throw new WarrantError(
      'FILE_MISSING',
      `${path} is not installed: the devnet needs the optional dependencies (npm install --include=optional)`,
      { cause },
    )
  }
}
