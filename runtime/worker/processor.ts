import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { arch, platform } from 'node:os'

/**
 * What onnxruntime's (uint8, int8) kernels do on a class of processor. `exact`: they add products in 32 bits. `saturating`:
 * they add pairs of products in 16 bits, and cut off what does not fit. `unknown`: nobody here has looked: taken as saturating.
 */
export type Kernels = 'exact' | 'saturating' | 'unknown'

/** A processor as far as exact integers are concerned. */
export type Processor = { name: string; kernels: Kernels }

/** onnxruntime takes its 512-bit kernels where all of these are there. */
const WIDE = ['avx512f', 'avx512bw', 'avx512dq', 'avx512vl']

/**
 * The class of a processor, by `process.arch` and its features' names as Linux writes them.
 *
 * @example processorOf('x64', ['avx2', 'avx_vnni']) // { name: 'x86-64, AVX2 with AVX-VNNI', kernels: 'exact' }
 */
export function processorOf(architecture: string, features: readonly string[]): Processor {
  const has = (feature: string) => features.includes(feature)
  if (architecture === 'arm64') {
    const dot = has('asimddp') ? 'with dot products (exact by the manual, not run here)' : 'without dot products'
    return { name: `ARM64 ${dot}`, kernels: 'unknown' }
  }
  if (architecture !== 'x64') return { name: architecture, kernels: 'unknown' }
  if (features.length === 0) return { name: 'x86-64, features not readable', kernels: 'unknown' }
  // With 512 bits, onnxruntime looks at AVX-512's own VNNI alone.
  if (WIDE.every(has))
    return has('avx512_vnni')
      ? { name: 'x86-64, AVX-512 with VNNI', kernels: 'exact' }
      : { name: 'x86-64, AVX-512 without VNNI', kernels: 'saturating' }
  if (has('avx2'))
    return has('avx_vnni')
      ? { name: 'x86-64, AVX2 with AVX-VNNI', kernels: 'exact' }
      : { name: 'x86-64, AVX2 without VNNI', kernels: 'saturating' }
  return { name: 'x86-64 without AVX2', kernels: 'saturating' }
}

/** How wide the vectors of onnxruntime's float kernels are on a processor: the same width, the same order of additions. */
export function vectorsOf(architecture: string, features: readonly string[]): string {
  if (architecture !== 'x64') return architecture
  if (features.includes('avx512f')) return 'avx512'
  if (features.includes('avx2') && features.includes('fma')) return 'avx2'
  return features.includes('avx') ? 'avx' : 'sse'
}

let vectors: string | undefined

/** Of this machine's. */
export function vectorsHere(): string {
  vectors ??= vectorsOf(arch(), featuresHere())
  return vectors
}

/** The class of this machine's processor, by what the operating system says of it. */
export function thisProcessor(): Processor {
  return processorOf(arch(), featuresHere())
}

function featuresHere(): string[] {
  try {
    if (platform() === 'linux') return featuresOfCpuinfo(readFileSync('/proc/cpuinfo', 'utf8'))
    if (platform() === 'darwin')
      return featuresOfSysctl(
        execFileSync('/usr/sbin/sysctl', ['-n', 'machdep.cpu.features', 'machdep.cpu.leaf7_features'], {
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'ignore'],
          timeout: 5_000,
        }),
      )
  } catch {
    // A machine that does not say is of no known class.
  }
  return []
}

/** Features that every core of /proc/cpuinfo has: a hybrid machine is as exact as its least core. */
export function featuresOfCpuinfo(text: string): string[] {
  const cores = [...text.matchAll(/^(?:flags|Features)\s*:\s*(.*)$/gm)].map(match =>
    (match[1] ?? '').trim().split(/\s+/),
  )
  const [first = [], ...others] = cores
  return others.reduce((common, core) => common.filter(feature => core.includes(feature)), first)
}

/** The same of macOS, whose names for AVX-512's parts differ: `AVX512VNNI`. */
export function featuresOfSysctl(text: string): string[] {
  return text
    .trim()
    .toLowerCase()
    .split(/\s+/)
    .map(feature => (feature === 'avx512vnni' ? 'avx512_vnni' : feature))
}
