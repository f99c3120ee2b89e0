import { describe, expect, test } from 'vitest'
import { featuresOfCpuinfo, featuresOfSysctl, processorOf } from './processor.ts'

const WIDE = ['avx2', 'avx512f', 'avx512bw', 'avx512dq', 'avx512vl']

describe('the class of a processor', () => {
  test.each([
    ['x64', ['sse4_1'], 'saturating'],
    ['x64', ['avx', 'avx2'], 'saturating'],
    ['x64', ['avx2', 'avx_vnni'], 'exact'],
    ['x64', WIDE, 'saturating'],
    ['x64', [...WIDE, 'avx_vnni'], 'saturating'],
    ['x64', [...WIDE, 'avx512_vnni'], 'exact'],
    ['x64', ['avx2', 'avx512f', 'avx512_vnni'], 'saturating'],
    ['x64', [], 'unknown'],
    ['arm64', ['asimd', 'asimddp'], 'unknown'],
    ['arm64', [], 'unknown'],
    ['riscv64', ['v'], 'unknown'],
  ] as const)('%s with %j: %s', (architecture, features, kernels) => {
    expect(processorOf(architecture, features).kernels).toBe(kernels)
  })

  test('a machine has what its least core has', () => {
    const text = ['flags\t\t: fpu avx2 avx_vnni', 'bogomips: 1', 'flags\t\t: fpu avx2'].join('\n')
    expect(featuresOfCpuinfo(text)).toEqual(['fpu', 'avx2'])
    expect(featuresOfCpuinfo('Features\t: fp asimd asimddp\n')).toEqual(['fp', 'asimd', 'asimddp'])
    expect(featuresOfCpuinfo('processor : 0')).toEqual([])
  })

  test('macOS names VNNI without an underscore', () => {
    const features = featuresOfSysctl('FPU SSE4.1\nAVX2 AVX512F AVX512BW AVX512DQ AVX512VL AVX512VNNI\n')
    expect(processorOf('x64', features).kernels).toBe('exact')
  })
})
