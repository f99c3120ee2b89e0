import { getRandomValues } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { WarrantError } from '#verifier/evidence/error.ts'
import { type Kernels, openKernels } from '#verifier/kernels/openKernels.ts'

/** Most bytes that one call of the system's generator gives. */
const AT_ONCE = 65_536

/** Fills with numbers from the system's generator: a verifier's secret coins. */
export function randomWords(words: Int32Array): void {
  for (let at = 0; at < words.length; at += AT_ONCE / 4) getRandomValues(words.subarray(at, at + AT_ONCE / 4))
}

let kernels: Kernels | null = null

/** The WebAssembly kernels as the build left them; opened once. @throws FILE_MISSING when nothing was built */
export function nodeKernels(): Kernels {
  if (kernels === null) {
    const path = ['../../kernels/kernels.wasm', '../../dist/kernels/kernels.wasm']
      .map(name => fileURLToPath(new URL(name, import.meta.url)))
      .find(existsSync)
    if (path === undefined) throw new WarrantError('FILE_MISSING', 'kernels.wasm is missing: run `npm run build`')
    kernels = openKernels(readFileSync(path))
  }
  return kernels
}
