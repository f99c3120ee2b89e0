import { deepStrictEqual } from 'node:assert/strict'
import type { ContractName, SpecWorld } from './specWorld.ts'

/** One thing that a contract must do. It throws where the contract does something else. */
export type SpecCase = { name: string; run(world: SpecWorld): Promise<void> }

/** All that is said about one contract. `open` deploys and configures it once; every case starts from there. */
export type ContractSpec = {
  /** What it is about, where there is more than one of a contract. */
  about: string
  contract: ContractName
  open(world: SpecWorld): Promise<void>
  cases: readonly SpecCase[]
}

/** @throws AssertionError that says which expectation failed */
export function same(actual: unknown, expected: unknown, what: string): void {
  deepStrictEqual(actual, expected, `${what}: ${shown(actual)} is not ${shown(expected)}`)
}
const shown = (value: unknown) =>
  JSON.stringify(value, (_, item) => (typeof item === 'bigint' ? String(item) : item))?.slice(0, 400)
