import { writeFileSync } from 'node:fs'
import { loadStrategy, strategyEntry } from '#runtime/run/openRun.ts'
import { WarrantError } from '#verifier/evidence/error.ts'
import { typeCheck } from './typeCheck.ts'

export type BuiltStrategy = {
  name: string
  version: string
  digest: string
  paramsDigest: string
  bytes: number
  models: { name: string; digest: string; numeric: string }[]
}

/** Type-checks, bundles and loads a strategy. @throws BAD_INPUT, FILE_MISSING, STRATEGY_INVALID, MODEL_INVALID */
export async function buildStrategy(
  module: string,
  { params, out }: { params: string; out?: string },
): Promise<BuiltStrategy> {
  let parsed: unknown
  try {
    parsed = JSON.parse(params)
  } catch (cause) {
    throw new WarrantError('BAD_INPUT', `--params is not JSON: ${params}`, { cause })
  }
  const entry = strategyEntry(module)
  if (entry.endsWith('.ts')) typeCheck(entry)
  const strategy = await loadStrategy(entry, parsed)
  await strategy.sandboxed.close()
  if (out !== undefined) writeFileSync(out, strategy.bundle.bytes)
  const { name, version } = strategy.sandboxed.manifest
  return {
    name,
    version,
    digest: strategy.bundle.digest,
    paramsDigest: strategy.paramsDigest,
    bytes: strategy.bundle.bytes.length,
    models: strategy.models.map(({ identity }) => ({
      name: identity.name,
      digest: identity.digest,
      numeric: identity.numeric,
    })),
  }
}
