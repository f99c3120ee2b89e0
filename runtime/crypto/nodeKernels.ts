import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { WarrantError } from '#verifier/evidence/error.ts'
import { type Kernels, openKernels } from '#verifier/kernels/openKernels.ts'

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
